package ledgerline;

import java.time.LocalDate;
import java.time.Period;
import java.time.YearMonth;
import java.time.temporal.ChronoUnit;

/**
 * The days on which a subscription is billed.
 *
 * <p>Everything is counted from the anchor, the day on which the subscription began. Adding a
 * month to the previous billing day would be wrong: 31 January, 29 February, 29 March, and the
 * customer has moved to the 29th for good.
 */
public record BillingCalendar(LocalDate anchor, Period rhythm) {

    public static final Period MONTHLY = Period.ofMonths(1);
    public static final Period QUARTERLY = Period.ofMonths(3);
    public static final Period YEARLY = Period.ofYears(1);

    public BillingCalendar {
        if (rhythm.getDays() != 0 || rhythm.toTotalMonths() < 1) {
            throw new IllegalArgumentException("billing happens in whole months, not every " + rhythm);
        }
    }

    /** The first day of the n-th period, 0 being the anchor itself. */
    public LocalDate periodStart(long n) {
        YearMonth month = YearMonth.from(anchor).plusMonths(n * rhythm.toTotalMonths());
        return month.atDay(Math.min(anchor.getDayOfMonth(), month.lengthOfMonth()));
    }

    /** The period in which a day lies. */
    public Span periodContaining(LocalDate day) {
        if (day.isBefore(anchor)) {
            throw new IllegalArgumentException(day + " is before the subscription began on " + anchor);
        }
        long months = ChronoUnit.MONTHS.between(YearMonth.from(anchor), YearMonth.from(day));
        long n = months / rhythm.toTotalMonths();
        if (periodStart(n).isAfter(day)) {
            n--;
        }
        return new Span(periodStart(n), periodStart(n + 1));
    }

    /** Half-open: the end is the first day that does not belong to it. */
    public record Span(LocalDate start, LocalDate end) {

        public Span {
            if (!start.isBefore(end)) {
                throw new IllegalArgumentException("empty span from " + start + " to " + end);
            }
        }

        public int days() {
            return Math.toIntExact(ChronoUnit.DAYS.between(start, end));
        }

        public boolean contains(LocalDate day) {
            return !day.isBefore(start) && day.isBefore(end);
        }

        public Span from(LocalDate day) {
            return new Span(day.isAfter(start) ? day : start, end);
        }

        public Span until(LocalDate day) {
            return new Span(start, day.isBefore(end) ? day : end);
        }

        @Override
        public String toString() {
            return start + " to " + end.minusDays(1);
        }
    }
}
