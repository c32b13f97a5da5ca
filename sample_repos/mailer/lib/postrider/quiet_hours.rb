# frozen_string_literal: true

module Postrider
  # Newsletters should not make telephones buzz at three in the morning.
  class QuietHours
    # @param from,till hours of the reader's own clock between which nothing is sent
    def initialize(from: 21, till: 8)
      @from = from
      @till = till
    end

    # The next decent moment, which is `now` itself during the day.
    #
    # @param utc_offset seconds by which the reader's clock is ahead of UTC
    def earliest(now, utc_offset)
      local = now.getlocal(utc_offset)
      return now unless quiet?(local.hour)

      morning = Time.new(local.year, local.month, local.day, @till, 0, 0, utc_offset)
      morning += 24 * 3600 if morning <= local
      # Everybody at eight sharp would be a stampede on the link in the letter.
      morning + spread(now)
    end

    def quiet?(hour)
      @from > @till ? hour >= @from || hour < @till : hour >= @from && hour < @till
    end

    private

    def spread(now)
      (now.to_i * 2_654_435_761) % 1800
    end
  end
end
