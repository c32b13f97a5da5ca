package ledgerline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class BillingTest {

    private static final Customer DUTCH =
            new Customer("c1", "Jansen BV", "in@jansen.example", "NL", Optional.empty(), false);
    private static final Plan SMALL = Plan.monthly("S", "Small", eur("30.00"));
    private static final Plan LARGE = Plan.monthly("L", "Large", eur("60.00"));

    private final AtomicLong counter = new AtomicLong();
    private final Biller biller =
            new Biller(new TaxRules("NL"), new InvoiceNumbers(series -> counter.incrementAndGet(), "LL"));

    private static Money eur(String amount) {
        return Money.of(amount, "EUR");
    }

    @Test
    void noCentIsLost() {
        assertEquals(List.of(eur("3.34"), eur("3.33"), eur("3.33")), eur("10.00").allocate(List.of(1, 1, 1)));
    }

    @Test
    void theLastDayOfAMonthComesBack() {
        BillingCalendar calendar = new BillingCalendar(LocalDate.of(2024, 1, 31), BillingCalendar.MONTHLY);
        assertEquals(LocalDate.of(2024, 2, 29), calendar.periodStart(1));
        assertEquals(LocalDate.of(2024, 3, 31), calendar.periodStart(2));
        assertEquals(LocalDate.of(2024, 1, 31), calendar.periodContaining(LocalDate.of(2024, 2, 28)).start());
    }

    @Test
    void aChangeInTheMiddleIsChargedByTheDay() {
        Subscription subscription = Subscription.start(DUTCH, SMALL, LocalDate.of(2024, 4, 1));
        subscription.switchTo(LARGE, LocalDate.of(2024, 4, 11));
        Invoice invoice = biller.bill(subscription, 0, LocalDate.of(2024, 5, 1), 0);
        assertEquals(eur("50.00"), invoice.net());
        assertEquals(eur("60.50"), invoice.total());
        assertEquals("LL-2024-00001", invoice.number());
    }

    @Test
    void volumeIsPricedTierByTier() {
        UsageTiers tiers = new UsageTiers("calls", List.of(
                new UsageTiers.Tier(1_000, new BigDecimal("0.01")),
                new UsageTiers.Tier(Long.MAX_VALUE, new BigDecimal("0.0025"))));
        List<Invoice.Line> lines = tiers.charge(3_000, eur("0.00"));
        assertEquals(List.of(eur("10.00"), eur("5.00")), lines.stream().map(Invoice.Line::amount).toList());
    }

    @Test
    void aBusinessAcrossTheBorderDeclaresTheTaxItself() {
        Customer german = new Customer("c2", "Schmidt", "", "DE", Optional.of("DE123456789"), false);
        TaxRules rules = new TaxRules("NL");
        assertEquals(BigDecimal.ZERO, rules.treatmentFor(german).percent());
        assertTrue(rules.treatmentFor(german).note().startsWith("Reverse charge"));
    }

    @Test
    void remindersComeInOrder() {
        Subscription subscription = Subscription.start(DUTCH, SMALL, LocalDate.of(2024, 4, 1));
        Invoice invoice = biller.bill(subscription, 0, LocalDate.of(2024, 5, 1), 0);
        Dunning dunning = new Dunning(eur("10.00"));
        LocalDate wednesday = LocalDate.of(2024, 6, 26);
        assertEquals(Dunning.Stage.REMINDER,
                dunning.nextStep(invoice, invoice.total(), List.of(), wednesday).orElseThrow().stage());
        assertTrue(dunning.nextStep(invoice, eur("0.80"), List.of(), wednesday).isEmpty());
    }

    @Test
    void aSloppyReferenceIsUnderstood() {
        Subscription subscription = Subscription.start(DUTCH, SMALL, LocalDate.of(2024, 4, 1));
        Invoice invoice = biller.bill(subscription, 0, LocalDate.of(2024, 5, 1), 0);
        PaymentMatcher.Open open = new PaymentMatcher.Open(invoice, invoice.total());
        PaymentMatcher.Transfer transfer = new PaymentMatcher.Transfer(
                LocalDate.of(2024, 5, 6), eur("40.00"), "somebody else", "invoice ll 2024/1 thanks");
        PaymentMatcher.Booking booking = new PaymentMatcher().match(transfer, List.of(open)).orElseThrow();
        assertEquals(eur("3.70"), booking.leftOver());
    }

    @Test
    void currenciesDoNotMix() {
        assertThrows(Money.CurrencyMismatch.class, () -> eur("1.00").plus(Money.of("1.00", "USD")));
    }
}
