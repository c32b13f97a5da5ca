package ledgerline;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds out what money on the bank account was meant for. */
public final class PaymentMatcher {

    public record Transfer(LocalDate day, Money amount, String payer, String reference) {}

    /** An invoice and what is still missing. */
    public record Open(Invoice invoice, Money missing) {}

    /** @param leftOver what nobody owes; goes back, or waits for the next invoice */
    public record Booking(List<Open> settled, Money leftOver, String why) {}

    private static final Pattern NUMBER = Pattern.compile("([A-Z]{2})[^A-Z0-9]?(\\d{4})[^A-Z0-9]?(\\d{1,5})");

    /**
     * Tries, in this order: invoice numbers in the reference, even when the spaces and dashes are
     * wrong; one invoice of exactly this amount by a payer of this name; nothing. Guessing any
     * further costs more in apologies than it saves in work, so the rest is for a person.
     */
    public Optional<Booking> match(Transfer transfer, List<Open> open) {
        List<Open> named = mentioned(transfer.reference(), open);
        if (!named.isEmpty()) {
            return Optional.of(settle(transfer.amount(), named, "number in the reference"));
        }
        List<Open> fitting = open.stream()
                .filter(candidate -> candidate.missing().equals(transfer.amount()))
                .filter(candidate -> similar(candidate.invoice().customer().name(), transfer.payer()))
                .toList();
        if (fitting.size() == 1) {
            return Optional.of(settle(transfer.amount(), fitting, "amount and name"));
        }
        return Optional.empty();
    }

    private static List<Open> mentioned(String reference, List<Open> open) {
        List<Open> found = new ArrayList<>();
        Matcher matcher = NUMBER.matcher(reference.toUpperCase(Locale.ROOT));
        while (matcher.find()) {
            String number = "%s-%s-%05d".formatted(
                    matcher.group(1), matcher.group(2), Integer.parseInt(matcher.group(3)));
            open.stream().filter(each -> each.invoice().number().equals(number)).forEach(found::add);
        }
        return found;
    }

    /** Pays the oldest first; the last one may be paid in part. */
    private static Booking settle(Money amount, List<Open> invoices, String why) {
        List<Open> settled = new ArrayList<>();
        Money rest = amount;
        List<Open> oldestFirst = invoices.stream()
                .sorted(Comparator.comparing(each -> each.invoice().due()))
                .toList();
        for (Open each : oldestFirst) {
            if (rest.isZero()) {
                break;
            }
            Money part = rest.atMost(each.missing());
            rest = rest.minus(part);
            settled.add(new Open(each.invoice(), each.missing().minus(part)));
        }
        return new Booking(settled, rest, why);
    }

    /** "J. SMITH GMBH" and "Smith GmbH": every word of the shorter name occurs in the longer one. */
    private static boolean similar(String left, String right) {
        List<String> a = words(left);
        List<String> b = words(right);
        return a.size() <= b.size() ? b.containsAll(a) : a.containsAll(b);
    }

    private static List<String> words(String name) {
        String plain = name.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}]+", " ").strip();
        return List.of(plain.split(" "));
    }
}
