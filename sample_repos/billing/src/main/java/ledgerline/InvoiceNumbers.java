package ledgerline;

import java.time.LocalDate;
import java.util.function.Function;

/**
 * Consecutive numbers: LL-2024-00017 follows LL-2024-00016, and nothing is left out.
 *
 * <p>A database sequence will not do, because it skips a number whenever a transaction is rolled
 * back. The counter is a row that is locked, read and incremented in the transaction that stores
 * the invoice, so that both become permanent together or not at all.
 */
public final class InvoiceNumbers {

    /** Runs in the caller's transaction; must lock until that transaction ends. */
    public interface Counter {
        long incrementAndGet(String series);
    }

    private final Counter counter;
    private final String prefix;

    public InvoiceNumbers(Counter counter, String prefix) {
        this.counter = counter;
        this.prefix = prefix;
    }

    /**
     * Draws the next number and makes the document with it. If making it fails, the caller's
     * transaction is rolled back by the exception, and the number with it.
     */
    public <T> T issue(LocalDate day, Function<String, T> document) {
        String series = prefix + "-" + day.getYear();
        long serial = counter.incrementAndGet(series);
        return document.apply("%s-%05d".formatted(series, serial));
    }
}
