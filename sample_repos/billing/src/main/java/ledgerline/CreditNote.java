package ledgerline;

import java.time.LocalDate;

/**
 * Takes back an invoice or part of it. It has a number of its own, names the invoice it corrects,
 * and uses the tax treatment of that invoice even if the rate has changed since.
 */
public record CreditNote(String number, Invoice corrects, LocalDate issued, String reason, Money net) {

    public CreditNote {
        if (net.isNegative() || net.isZero()) {
            throw new IllegalArgumentException("a credit note gives something back: " + net);
        }
        if (net.compareTo(corrects.net()) > 0) {
            throw new IllegalArgumentException(
                    "cannot give back " + net + " of " + corrects.net() + " on " + corrects.number());
        }
    }

    /** The whole invoice was wrong. */
    public static CreditNote cancelling(Invoice invoice, InvoiceNumbers numbers, LocalDate day, String reason) {
        return numbers.issue(day, number -> new CreditNote(number, invoice, day, reason, invoice.net()));
    }

    /** The customer left early and is given back the days that were paid and not used. */
    public static CreditNote forEarlyEnd(
            Invoice invoice, BillingCalendar.Span period, LocalDate lastDay, InvoiceNumbers numbers, LocalDate day) {
        Money unused = Proration.unusedPart(invoice.net(), period, lastDay);
        return numbers.issue(day, number ->
                new CreditNote(number, invoice, day, "Ended on " + lastDay, unused));
    }

    public Money total() {
        return net.plus(corrects.tax().on(net));
    }
}
