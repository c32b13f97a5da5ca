package ledgerline;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The price of part of a period. */
public final class Proration {

    private Proration() {}

    /** A stretch of days on one plan. */
    record Stretch(Plan plan, BillingCalendar.Span span) {}

    /**
     * The fixed charges of one period. Somebody who moves from a plan of 30 to one of 60 on the
     * 11th of a month with 30 days pays 10 days of the first and 20 of the second: 10 + 40.
     *
     * <p>The full price of a plan is divided over all days of the period with
     * {@link Money#allocate}, so that the parts of an unchanged plan always add up to its price.
     */
    public static List<Invoice.Line> chargesFor(Subscription subscription, BillingCalendar.Span period) {
        List<Invoice.Line> lines = new ArrayList<>();
        for (Stretch stretch : stretches(subscription, period)) {
            int days = stretch.span().days();
            Money full = stretch.plan().price();
            Money part = days == period.days()
                    ? full
                    : full.allocate(List.of(days, period.days() - days)).get(0);
            String suffix = days == period.days() ? "" : " (%d of %d days)".formatted(days, period.days());
            lines.add(new Invoice.Line(stretch.plan().title() + ", " + stretch.span() + suffix, part));
        }
        return lines;
    }

    private static List<Stretch> stretches(Subscription subscription, BillingCalendar.Span period) {
        BillingCalendar.Span paid = subscription.endDay()
                .filter(period::contains)
                .filter(end -> end.isAfter(period.start()))
                .map(period::until)
                .orElse(period);
        List<LocalDate> borders = subscription.changesWithin(paid).stream()
                .map(Subscription.Change::day)
                .collect(Collectors.toCollection(ArrayList::new));
        borders.add(0, paid.start());
        borders.add(paid.end());
        List<Stretch> stretches = new ArrayList<>();
        for (int i = 0; i + 1 < borders.size(); i++) {
            LocalDate day = borders.get(i);
            stretches.add(new Stretch(
                    subscription.planOn(day), new BillingCalendar.Span(day, borders.get(i + 1))));
        }
        return stretches;
    }

    /** What is owed back when a period that was paid in full ends early. */
    public static Money unusedPart(Money paid, BillingCalendar.Span period, LocalDate lastDay) {
        if (!period.contains(lastDay)) {
            return lastDay.isBefore(period.start()) ? paid : Money.zero(paid.currency());
        }
        int used = period.until(lastDay.plusDays(1)).days();
        if (used == period.days()) {
            return Money.zero(paid.currency());
        }
        return paid.allocate(List.of(used, period.days() - used)).get(1);
    }
}
