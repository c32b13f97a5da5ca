# frozen_string_literal: true

require "openssl"
require "uri"

module Postrider
  # Lets readers leave a mailing with one click and without logging in.
  #
  # The link carries a signature instead of a number in a database, so that nobody can take
  # somebody else off a list, and old links keep working after a restore.
  class OptOut
    class Forged < Error; end

    def initialize(base_url:, secret:, store: {})
      @base_url = base_url
      @secret = secret
      @store = store
    end

    # Adds what mail programs need to show their own "unsubscribe" button (RFC 8058). Receipts
    # and password links are sent whatever the reader thinks of newsletters, and get none.
    def stamp(message)
      return message unless message.category == :bulk

      message.header("List-Unsubscribe", "<#{link(message.to)}>")
      message.header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    end

    def link(address)
      query = URI.encode_www_form("a" => address.spec, "s" => signature(address))
      "#{@base_url}?#{query}"
    end

    # What the web page behind the link calls.
    def accept(params)
      address = Address.parse(params.fetch("a"))
      given = params.fetch("s", "")
      raise Forged, "that link was not made by us" unless same?(given, signature(address))

      @store[address.key] = Time.now
      address
    end

    def left?(address)
      @store.key?(address.key)
    end

    private

    def signature(address)
      OpenSSL::HMAC.hexdigest("SHA256", @secret, "leave:#{address.key}")[0, 32]
    end

    # Takes equally long whether the first character differs or the last.
    def same?(given, expected)
      given.bytesize == expected.bytesize && OpenSSL.fixed_length_secure_compare(given, expected)
    end
  end
end
