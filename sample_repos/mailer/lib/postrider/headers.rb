# frozen_string_literal: true

module Postrider
  # The lines above a message. Mail is older than Unicode: a header is ASCII, at most 78
  # characters wide, and everything else has to be wrapped up.
  class Headers
    class Injection < Error; end

    MAX_WIDTH = 78
    # An encoded word may be 75 characters long; "=?UTF-8?B?" and "?=" take 12, base64 a third.
    BYTES_PER_WORD = 45

    def initialize
      @lines = []
    end

    # A line break inside a value would let whoever supplied it add headers of his own, such as
    # a Bcc to ten thousand strangers.
    def add(name, value)
      text = value.to_s
      raise Injection, "#{name} contains a line break" if text.match?(/[\r\n]/)

      @lines << [name, text]
      self
    end

    # "Zoë <zoe@example.org>": the name is encoded, the address is not.
    def add_addresses(name, addresses)
      shown = addresses.map do |address|
        next address.spec unless address.name

        "#{phrase(address.name)} <#{address.spec}>"
      end
      add(name, shown.join(", "))
    end

    def [](name)
      @lines.find { |known, _| known.casecmp?(name) }&.last
    end

    def each(&block)
      @lines.each(&block)
    end

    def to_s
      @lines.map { |name, value| fold("#{name}: #{encode(value)}") }.join
    end

    private

    def encode(value)
      value.ascii_only? ? value : encoded_words(value)
    end

    def phrase(name)
      return encoded_words(name) unless name.ascii_only?

      name.match?(/\A[\w .'-]*\z/) && !name.include?(".") ? name : %("#{name.gsub(/["\\]/) { |char| "\\#{char}" }}")
    end

    # RFC 2047. A character of several bytes must not be torn apart between two words, since
    # each word is decoded by itself.
    def encoded_words(text)
      pieces = [+""]
      text.each_char do |char|
        pieces << +"" if pieces.last.bytesize + char.bytesize > BYTES_PER_WORD
        pieces.last << char
      end
      pieces.map { |piece| "=?UTF-8?B?#{[piece].pack("m0")}?=" }.join(" ")
    end

    # Continues a long line on the next one, which then begins with a space.
    def fold(line)
      out = +""
      width = 0
      line.split(/(?= )/).each do |word|
        if width.positive? && width + word.length > MAX_WIDTH
          out << "\r\n"
          width = 0
        end
        out << word
        width += word.length
      end
      out << "\r\n"
    end
  end
end
