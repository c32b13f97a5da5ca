package ledgerline;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A customer's agreement over time: which plan from which day, and until when. */
public final class Subscription {

    /** From this day on, this plan. */
    public record Change(LocalDate day, Plan plan) {}

    private final Customer customer;
    private final LocalDate startDay;
    private final List<Change> changes = new ArrayList<>();
    private LocalDate endDay;
    private Discount discount;

    private Subscription(Customer customer, Plan plan, LocalDate startDay) {
        this.customer = customer;
        this.startDay = startDay;
        changes.add(new Change(startDay, plan));
    }

    public static Subscription start(Customer customer, Plan plan, LocalDate day) {
        return new Subscription(customer, plan, day);
    }

    /** The paid part begins when the free days are over; that is also the anchor of all billing days. */
    public LocalDate paidFrom() {
        return startDay.plusDays(changes.get(0).plan().trialDays());
    }

    public BillingCalendar calendar() {
        return new BillingCalendar(paidFrom(), changes.get(0).plan().rhythm());
    }

    /**
     * Moves the customer to another plan. Plans with another rhythm need a new subscription,
     * since a year cannot begin in the middle of a month that is already paid.
     */
    public void switchTo(Plan plan, LocalDate day) {
        Change last = changes.get(changes.size() - 1);
        if (day.isBefore(last.day())) {
            throw new IllegalArgumentException("the plan already changed on " + last.day());
        }
        if (!plan.rhythm().equals(last.plan().rhythm())) {
            throw new IllegalArgumentException("end this subscription and start one with " + plan.code());
        }
        if (day.equals(last.day())) {
            changes.remove(changes.size() - 1);
        }
        changes.add(new Change(day, plan));
    }

    /** Ends on the given day; the rest of a paid period is not refunded unless a credit note says so. */
    public void cancel(LocalDate lastDay) {
        endDay = lastDay.plusDays(1);
    }

    public void apply(Discount newDiscount) {
        discount = newDiscount;
    }

    public Plan planOn(LocalDate day) {
        Plan current = changes.get(0).plan();
        for (Change change : changes) {
            if (!change.day().isAfter(day)) {
                current = change.plan();
            }
        }
        return current;
    }

    public List<Change> changesWithin(BillingCalendar.Span span) {
        return changes.stream().filter(c -> span.contains(c.day()) && c.day().isAfter(span.start())).toList();
    }

    public boolean activeOn(LocalDate day) {
        return !day.isBefore(startDay) && (endDay == null || day.isBefore(endDay));
    }

    public Customer customer() {
        return customer;
    }

    public Optional<Discount> discount() {
        return Optional.ofNullable(discount);
    }

    public Optional<LocalDate> endDay() {
        return Optional.ofNullable(endDay);
    }
}
