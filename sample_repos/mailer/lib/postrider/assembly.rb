# frozen_string_literal: true

require "securerandom"

module Postrider
  # Builds the body of a message: one part, or several in one another.
  #
  #   mixed
  #   ├── alternative
  #   │   ├── text/plain      the same content twice: a mail program shows
  #   │   └── text/html       the last kind that it understands
  #   └── attachments
  class Assembly
    # A part and its own headers, ready to be written.
    Part = Struct.new(:headers, :body)

    def initialize(boundary: -> { "=_#{SecureRandom.hex(12)}" })
      @boundary = boundary
    end

    def build(text:, html:, attachments:)
      bodies = []
      bodies << leaf("text/plain; charset=utf-8", text) if text
      bodies << leaf("text/html; charset=utf-8", html) if html
      raise Error, "a message needs text or html" if bodies.empty?

      content = bodies.one? ? bodies.first : multipart("alternative", bodies)
      return content if attachments.empty?

      multipart("mixed", [content] + attachments.map { |file| attachment(file) })
    end

    private

    def leaf(type, content)
      headers = { "Content-Type" => type, "Content-Transfer-Encoding" => "quoted-printable" }
      Part.new(headers, quoted_printable(content))
    end

    def attachment(file)
      # Both spellings of the name: old programs read the first, new ones prefer the second.
      plain = file.name.gsub(/[^\w.-]/, "_")
      full = file.name.b.gsub(/[^A-Za-z0-9._-]/n) { |byte| format("%%%02X", byte.ord) }
      headers = {
        "Content-Type" => file.type,
        "Content-Transfer-Encoding" => "base64",
        "Content-Disposition" => "attachment; filename=\"#{plain}\"; filename*=UTF-8''#{full}"
      }
      Part.new(headers, [file.content].pack("m57").gsub("\n", "\r\n"))
    end

    def multipart(kind, parts)
      border = @boundary.call
      body = parts.map { |part| "--#{border}\r\n#{render(part)}\r\n" }.join
      headers = { "Content-Type" => "multipart/#{kind}; boundary=\"#{border}\"" }
      Part.new(headers, "#{body}--#{border}--\r\n")
    end

    def render(part)
      head = part.headers.map { |name, value| "#{name}: #{value}\r\n" }.join
      "#{head}\r\n#{part.body}"
    end

    # Ruby's pack("M") writes bare line feeds and leaves a dot at the start of a line alone; SMTP
    # wants CRLF, and a lonely dot ends the message.
    def quoted_printable(content)
      unix = content.gsub(/\r\n?/, "\n")
      [unix].pack("M").gsub(/^\./, "=2E").gsub("\n", "\r\n")
    end
  end
end
