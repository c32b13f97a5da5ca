package ledgerline;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;

/** Puts an invoice together. The only place where all the other rules meet. */
public final class Biller {

    static final int DAYS_TO_PAY = 14;

    private final TaxRules taxRules;
    private final InvoiceNumbers numbers;

    public Biller(TaxRules taxRules, InvoiceNumbers numbers) {
        this.taxRules = taxRules;
        this.numbers = numbers;
    }

    /**
     * Bills the period that ended last before {@code today}: the fixed charge of its plans, what
     * was consumed in it, minus a discount.
     *
     * @param consumed units used in that period
     * @param periodsBilled how many invoices this subscription has had
     */
    public Invoice bill(Subscription subscription, long consumed, LocalDate today, int periodsBilled) {
        BillingCalendar.Span period = lastCompleted(subscription, today);
        List<Invoice.Line> lines = new ArrayList<>(Proration.chargesFor(subscription, period));
        Plan plan = subscription.planOn(period.end().minusDays(1));
        Money zero = Money.zero(plan.price().currency());
        plan.usage().ifPresent(tiers -> lines.addAll(tiers.charge(consumed, zero)));

        Money gross = lines.stream().map(Invoice.Line::amount).reduce(zero, Money::plus);
        subscription.discount()
                .flatMap(discount -> discount.reductionOf(gross, today, periodsBilled)
                        .map(off -> new Invoice.Line("Discount " + discount.code(), off.negated())))
                .ifPresent(lines::add);

        Customer customer = subscription.customer();
        return numbers.issue(today, number -> new Invoice(
                number, customer, today, today.plusDays(DAYS_TO_PAY), lines, taxRules.treatmentFor(customer)));
    }

    private static BillingCalendar.Span lastCompleted(Subscription subscription, LocalDate today) {
        BillingCalendar calendar = subscription.calendar();
        LocalDate start = calendar.periodContaining(today).start();
        if (start.equals(subscription.paidFrom())) {
            throw new IllegalStateException("nothing to bill before " + calendar.periodStart(1));
        }
        return calendar.periodContaining(start.minusDays(1));
    }
}
