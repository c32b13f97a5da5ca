package ledgerline;

import java.time.LocalDate;
import java.util.List;

/** A bill as it was sent. Immutable, because it was sent. */
public record Invoice(
        String number,
        Customer customer,
        LocalDate issued,
        LocalDate due,
        List<Line> lines,
        TaxRules.Treatment tax) {

    /** One thing that is charged for, net. Discounts are lines with a negative amount. */
    public record Line(String text, Money amount) {}

    public Invoice {
        if (lines.isEmpty()) {
            throw new IllegalArgumentException("an invoice over nothing: " + number);
        }
        lines = List.copyOf(lines);
    }

    public Money net() {
        return lines.stream().map(Line::amount).reduce(Money::plus).orElseThrow();
    }

    public Money taxAmount() {
        return tax.on(net());
    }

    public Money total() {
        return net().plus(taxAmount());
    }

    public boolean overdueOn(LocalDate day) {
        return day.isAfter(due);
    }

    /** For e-mail and the terminal; the PDF is somebody else's business. */
    public String asText() {
        StringBuilder text = new StringBuilder();
        text.append("Invoice %s of %s%n%s%n%n".formatted(number, issued, customer.name()));
        for (Line line : lines) {
            text.append("%-58s %14s%n".formatted(line.text(), line.amount()));
        }
        text.append("%-58s %14s%n".formatted("Net", net()));
        text.append("%-58s %14s%n".formatted(tax.note(), taxAmount()));
        text.append("%-58s %14s%n".formatted("To be paid by " + due, total()));
        return text.toString();
    }
}
