# frozen_string_literal: true

module Postrider
  # Addresses that are not written to any more, and why.
  #
  # Keeping on writing to mailboxes that are gone is how a sender gets a bad name with the large
  # providers, after which nobody's letters arrive.
  class Blocklist
    Entry = Struct.new(:reason, :since, :strikes)

    FORGIVE_AFTER = 90 * 24 * 3600
    STRIKES = 3

    def initialize(entries = {}, clock: -> { Time.now })
      @entries = entries
      @clock = clock
    end

    # A mailbox that is gone is blocked at once; one that is merely full or grumpy after the
    # third time in a row.
    def record(address, verdict)
      if verdict.permanent?
        @entries[address.key] = Entry.new(verdict.reason, @clock.call, STRIKES)
      else
        entry = @entries[address.key] ||= Entry.new(verdict.reason, @clock.call, 0)
        entry.strikes += 1
        entry.reason = verdict.reason
        entry.since = @clock.call
      end
    end

    # A letter arrived: all is forgiven.
    def clear(address)
      @entries.delete(address.key)
    end

    def blocked?(address)
      entry = @entries[address.key]
      return false if entry.nil? || entry.strikes < STRIKES

      # Mailboxes come back: after three months one letter may try again.
      @clock.call - entry.since < FORGIVE_AFTER
    end

    def reason(address)
      @entries[address.key]&.reason
    end
  end
end
