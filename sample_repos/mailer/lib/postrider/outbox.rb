# frozen_string_literal: true

module Postrider
  # A transport for tests and for development: nothing leaves the machine.
  class Outbox
    include Enumerable

    def initialize
      @messages = []
      @answers = {}
    end

    # Makes one address behave badly: outbox.pretend("x@example.org", "550 5.1.1 user unknown")
    def pretend(spec, answer)
      @answers[spec] = answer
    end

    def deliver(message, raw)
      answer = @answers.fetch(message.to.spec, "250 ok")
      @messages << [message, raw] if answer.start_with?("2")
      answer
    end

    def each(&block)
      @messages.map(&:first).each(&block)
    end

    def last
      @messages.last&.first
    end

    def to(spec)
      select { |message| message.to.spec == spec }
    end

    def clear
      @messages.clear
    end
  end
end
