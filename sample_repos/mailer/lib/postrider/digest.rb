# frozen_string_literal: true

module Postrider
  # Collects small notifications, so that somebody with a popular photograph gets one letter a
  # day and not two hundred.
  class Digest
    Item = Struct.new(:topic, :line, :at)

    MAX_LINES_PER_TOPIC = 5

    def initialize(period: 24 * 3600, clock: -> { Time.now })
      @period = period
      @clock = clock
      @pending = Hash.new { |pending, key| pending[key] = [] }
      @last_sent = {}
    end

    def add(address, topic, line)
      @pending[address.key] << Item.new(topic, line, @clock.call)
    end

    # Yields every address whose letter is due, with the text of it. The first notification after
    # a long silence is not held back: only the flood is dammed.
    def each_due
      now = @clock.call
      @pending.reject { |_, items| items.empty? }.each do |key, items|
        next if @last_sent[key] && now - @last_sent[key] < @period

        yield Address.parse(key), summarise(items), items.length
        @last_sent[key] = now
        @pending.delete(key)
      end
    end

    private

    # Newest topics first; of a long topic the first few lines and a number.
    def summarise(items)
      topics = items.group_by(&:topic).sort_by { |_, group| -group.last.at.to_f }
      topics.map do |topic, group|
        shown = group.last(MAX_LINES_PER_TOPIC).map { |item| "  - #{item.line}" }
        rest = group.length - shown.length
        shown << "  ... and #{rest} more" if rest.positive?
        [topic, *shown].join("\n")
      end.join("\n\n")
    end
  end
end
