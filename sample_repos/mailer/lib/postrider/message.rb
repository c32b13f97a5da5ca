# frozen_string_literal: true

require "securerandom"
require "time"

module Postrider
  # A letter before it is filled in and sent.
  class Message
    Attachment = Struct.new(:name, :type, :content)

    TYPES = {
      ".pdf" => "application/pdf", ".png" => "image/png", ".jpg" => "image/jpeg",
      ".csv" => "text/csv", ".ics" => "text/calendar", ".zip" => "application/zip"
    }.freeze
    MAX_ATTACHED_BYTES = 15 * 1024 * 1024

    attr_accessor :subject, :text, :html, :category
    attr_reader :from, :to, :reply_to, :attachments, :extra

    # @param category :transactional (receipts, password links) or :bulk (newsletters)
    def initialize(from:, to:, subject: "", reply_to: nil, category: :transactional)
      @from = Address.parse(from)
      @to = Address.parse(to)
      @reply_to = reply_to && Address.parse(reply_to)
      @subject = subject
      @category = category
      @attachments = []
      @extra = {}
    end

    # Encloses a file. Providers refuse large letters without saying so to anybody but us.
    def attach(name, content, type: TYPES.fetch(File.extname(name).downcase, "application/octet-stream"))
      @attachments << Attachment.new(File.basename(name), type, content.b)
      total = @attachments.sum { |file| file.content.bytesize }
      raise Error, "attachments of #{total} bytes: send a link instead" if total > MAX_ATTACHED_BYTES

      self
    end

    def header(name, value)
      @extra[name] = value
      self
    end

    # The letter for one reader, with all holes filled.
    def filled(values)
      copy = dup
      copy.subject = Template.new(subject, html: false).fill(values)
      copy.text = text && Template.new(text, html: false).fill(values)
      copy.html = html && Template.new(html, html: true).fill(values)
      copy
    end

    # The bytes that go over the wire.
    def to_rfc822(now: Time.now)
      headers = Headers.new
      headers.add_addresses("From", [from])
      headers.add_addresses("To", [to])
      headers.add_addresses("Reply-To", [reply_to]) if reply_to
      headers.add("Subject", subject)
      headers.add("Date", now.rfc2822)
      headers.add("Message-ID", "<#{SecureRandom.uuid}@#{from.domain}>")
      headers.add("MIME-Version", "1.0")
      extra.each { |name, value| headers.add(name, value) }
      body = Assembly.new.build(text: text, html: html, attachments: attachments)
      body.headers.each { |name, value| headers.add(name, value) }
      "#{headers}\r\n#{body.body}"
    end
  end
end
