package ledgerline;

import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;

/**
 * What is done about an invoice that is not paid, and when: first a friendly reminder, then
 * firmer letters, then the service is switched off, and in the end somebody else collects.
 */
public final class Dunning {

    /** The stages in the order in which they are reached. */
    public enum Stage {
        REMINDER(3, false),
        WARNING(14, true),
        SUSPENSION(28, true),
        COLLECTION(60, true);

        final int daysOverdue;
        final boolean fee;

        Stage(int daysOverdue, boolean fee) {
            this.daysOverdue = daysOverdue;
            this.fee = fee;
        }
    }

    /** @param fee what the letter adds to the debt; only ever charged to businesses */
    public record Step(Stage stage, Invoice invoice, Optional<Money> fee) {

        public boolean cutsService() {
            return stage.compareTo(Stage.SUSPENSION) >= 0;
        }
    }

    private static final Money NO_BOTHER = Money.of("5.00", "EUR");

    private final Money fee;

    public Dunning(Money fee) {
        this.fee = fee;
    }

    /**
     * The step that is due today, if any. Stages are not skipped: if the job did not run for a
     * month, the customer still gets the reminder before the warning, one a day.
     *
     * @param taken stages that this invoice has been through
     * @param open what is still owed; small remainders (bank charges) are not chased
     */
    public Optional<Step> nextStep(Invoice invoice, Money open, List<Stage> taken, LocalDate today) {
        if (!invoice.overdueOn(today) || isNegligible(open)) {
            return Optional.empty();
        }
        long daysOverdue = ChronoUnit.DAYS.between(invoice.due(), today);
        for (Stage stage : Stage.values()) {
            if (taken.contains(stage)) {
                continue;
            }
            if (daysOverdue < stage.daysOverdue || fallsOnWeekend(today)) {
                return Optional.empty();
            }
            boolean charged = stage.fee && invoice.customer().isBusiness();
            return Optional.of(new Step(stage, invoice, charged ? Optional.of(fee) : Optional.empty()));
        }
        return Optional.empty();
    }

    private static boolean isNegligible(Money open) {
        return open.currency().equals(NO_BOTHER.currency()) && open.compareTo(NO_BOTHER) < 0;
    }

    /** Nobody answers the phone on a Sunday; a suspension on a Friday evening is a mean trick. */
    private static boolean fallsOnWeekend(LocalDate day) {
        return day.getDayOfWeek().getValue() >= 5;
    }
}
