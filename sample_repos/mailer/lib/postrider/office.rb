# frozen_string_literal: true

module Postrider
  # Where all the rules come together: whether a letter is sent at all, when, and what follows
  # from the answer.
  class Office
    Outcome = Struct.new(:status, :detail) do
      def sent?
        status == :sent
      end
    end

    MAX_TRIES = 4

    def initialize(transport:, blocklist: Blocklist.new, opt_out: nil, quiet_hours: nil, pacing: nil, dkim: nil,
                   sleeper: ->(seconds) { sleep(seconds) })
      @transport = transport
      @blocklist = blocklist
      @opt_out = opt_out
      @quiet_hours = quiet_hours
      @pacing = pacing
      @dkim = dkim
      @sleeper = sleeper
    end

    # @param utc_offset seconds by which the reader's clock is ahead of UTC; nil if unknown
    # @return [Outcome] :sent, :blocked, :left, :postponed (detail: until when) or :failed
    def send_out(message, values: {}, utc_offset: nil, now: Time.now)
      address = message.to
      return Outcome.new(:blocked, @blocklist.reason(address)) if @blocklist.blocked?(address)

      if message.category == :bulk
        return Outcome.new(:left, nil) if @opt_out&.left?(address)

        later = bedtime(now, utc_offset)
        return Outcome.new(:postponed, later) if later > now

        @opt_out&.stamp(message)
      end
      filled = message.filled(values)
      raw = filled.to_rfc822(now: now)
      raw = @dkim.sign(raw, now: now) if @dkim
      hand_over(filled, raw)
    end

    private

    def bedtime(now, utc_offset)
      return now unless @quiet_hours && utc_offset

      @quiet_hours.earliest(now, utc_offset)
    end

    # Tries a few times when the other side says "later", each time after a longer rest.
    def hand_over(message, raw)
      verdict = nil
      MAX_TRIES.times do |attempt|
        @sleeper.call(@pacing.reserve(message.to.domain)) if @pacing
        answer = @transport.deliver(message, raw)
        if answer.start_with?("2")
          @pacing&.accepted(message.to.domain)
          @blocklist.clear(message.to)
          return Outcome.new(:sent, answer)
        end
        verdict = Bounces.judge(answer)
        @pacing&.complained(message.to.domain) if answer.start_with?("421")
        break unless verdict.worth_another_try?

        @sleeper.call(5 * (4**attempt)) if attempt + 1 < MAX_TRIES
      end
      @blocklist.record(message.to, verdict)
      Outcome.new(:failed, verdict.reason)
    end
  end
end
