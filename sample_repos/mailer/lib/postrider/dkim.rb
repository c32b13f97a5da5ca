# frozen_string_literal: true

require "openssl"

module Postrider
  # DomainKeys Identified Mail (RFC 6376): a signature by which the receiver can tell that the
  # letter comes from our domain and was not changed on the way. The public key is in the DNS, at
  # <selector>._domainkey.<domain>.
  #
  # Uses the "relaxed" forms for headers and body, because mail servers love to tidy up spaces.
  class Dkim
    SIGNED = %w[from to subject date message-id mime-version content-type reply-to list-unsubscribe].freeze

    def initialize(domain:, selector:, private_key:)
      @domain = domain
      @selector = selector
      @key = OpenSSL::PKey::RSA.new(private_key)
    end

    # Returns the letter with the signature on top.
    def sign(raw, now: Time.now)
      head, body = raw.split("\r\n\r\n", 2)
      fields = unfold(head).select { |name, _| SIGNED.include?(name) }
      tags = {
        "v" => "1", "a" => "rsa-sha256", "c" => "relaxed/relaxed", "d" => @domain, "s" => @selector,
        "t" => now.to_i.to_s, "h" => fields.map(&:first).join(":"), "bh" => body_hash(body), "b" => ""
      }
      unsigned = tags.map { |name, value| "#{name}=#{value}" }.join("; ")
      # The signature covers its own header, with an empty place where it will stand.
      signed_text = fields.map { |name, value| "#{name}:#{value}\r\n" }.join + "dkim-signature:#{unsigned}"
      signature = [@key.sign("SHA256", signed_text)].pack("m0")
      "DKIM-Signature: #{unsigned}#{signature.scan(/.{1,70}/).join("\r\n ")}\r\n#{raw}"
    end

    private

    def unfold(head)
      head.gsub(/\r\n(?=[ \t])/, "").split("\r\n").map do |line|
        name, value = line.split(":", 2)
        [name.downcase.strip, value.gsub(/[ \t]+/, " ").strip]
      end
    end

    def body_hash(body)
      tidy = body.to_s.gsub(/[ \t]+(?=\r\n)/, "").gsub(/[ \t]+/, " ").sub(/(\r\n)*\z/, "\r\n")
      [OpenSSL::Digest::SHA256.digest(tidy)].pack("m0")
    end
  end
end
