# frozen_string_literal: true

module Postrider
  # A mailbox, with or without the name of its owner.
  #
  # Only a message that arrives proves that an address exists. What is checked here are the
  # mistakes that people make in a form: a missing dot, a comma, a space, a domain one letter off.
  class Address
    class Malformed < Error; end

    ATOM = /[A-Za-z0-9!#$%&'*+\/=?^_`{|}~-]+/
    LOCAL = /\A#{ATOM}(?:\.#{ATOM})*\z/
    LABEL = /\A[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\z/
    POPULAR = %w[gmail.com googlemail.com outlook.com hotmail.com yahoo.com icloud.com gmx.de web.de].freeze

    attr_reader :name, :local, :domain

    # Accepts "zoe@example.org" and "Zoë <zoe@example.org>".
    def self.parse(text)
      stripped = text.to_s.strip
      if (match = stripped.match(/\A(.*)<([^<>]+)>\z/))
        new(match[2], name: match[1].strip.delete_prefix('"').delete_suffix('"'))
      else
        new(stripped)
      end
    end

    def initialize(spec, name: nil)
      @local, at, @domain = spec.rpartition("@")
      @domain = @domain.downcase
      @name = name unless name.nil? || name.empty?
      problem = complaint(at)
      raise Malformed, "#{spec.inspect} #{problem}" if problem
    end

    def spec
      "#{local}@#{domain}"
    end

    # For comparisons and look-ups. The part before the @ belongs to the receiving host, so it is
    # left alone, apart from its case, which no real host distinguishes.
    def key
      spec.downcase
    end

    # "gmial.com" → "gmail.com"; nil when the domain looks fine. For "did you mean ...?".
    def likely_meant
      return nil if POPULAR.include?(domain)

      close = POPULAR.find { |known| one_slip_apart?(domain, known) }
      close && "#{local}@#{close}"
    end

    def to_s
      name ? "#{name} <#{spec}>" : spec
    end

    private

    def complaint(at)
      return "has no @" if at.empty?
      return "has nothing before the @" if local.empty?
      return "is too long before the @" if local.bytesize > 64
      return "has characters that are not allowed before the @" unless local.match?(LOCAL)
      return "has no dot after the @" unless domain.include?(".")

      "has a domain that cannot exist" unless domain.split(".", -1).all? { |label| label.match?(LABEL) }
    end

    def one_slip_apart?(typed, meant)
      return false if (typed.length - meant.length).abs > 1

      start = typed.chars.zip(meant.chars).take_while { |a, b| a == b }.length
      a = typed[start..]
      b = meant[start..]
      a[1..] == b[1..] || a[1..] == b || a == b[1..] || (a[0, 2] == b[0, 2].reverse && a[2..] == b[2..])
    end
  end
end
