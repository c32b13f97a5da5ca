# frozen_string_literal: true

module Postrider
  # Keeps to what the receiving side puts up with. The large providers accept a few letters at a
  # time from a sender that they know, fewer from one that they do not, and answer 421 to whoever
  # pushes. The pace is therefore learned: it halves at every complaint and recovers slowly.
  class Pacing
    START_PER_MINUTE = 60.0
    SLOWEST_PER_MINUTE = 1.0
    RECOVERY = 1.02

    # Domains that are the same company behind the curtain share one pace.
    FAMILIES = {
      "googlemail.com" => "gmail.com", "hotmail.com" => "outlook.com", "live.com" => "outlook.com",
      "ymail.com" => "yahoo.com", "me.com" => "icloud.com"
    }.freeze

    Lane = Struct.new(:per_minute, :next_at)

    def initialize(fastest: 600.0, clock: -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) })
      @fastest = fastest
      @clock = clock
      @lanes = Hash.new { |lanes, family| lanes[family] = Lane.new(START_PER_MINUTE, 0.0) }
    end

    # How many seconds to wait before the next letter to this domain; reserves that moment.
    def reserve(domain)
      lane = lane_of(domain)
      now = @clock.call
      start = [now, lane.next_at].max
      lane.next_at = start + (60.0 / lane.per_minute)
      start - now
    end

    def accepted(domain)
      lane = lane_of(domain)
      lane.per_minute = [lane.per_minute * RECOVERY, @fastest].min
    end

    def complained(domain)
      lane = lane_of(domain)
      lane.per_minute = [lane.per_minute / 2, SLOWEST_PER_MINUTE].max
      lane.next_at = @clock.call + 60
    end

    private

    def lane_of(domain)
      @lanes[FAMILIES.fetch(domain, domain)]
    end
  end
end
