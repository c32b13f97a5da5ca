package ledgerline;

import java.time.DayOfWeek;
import java.time.LocalDate;
import java.time.temporal.TemporalAdjusters;
import java.util.Optional;
import java.util.Set;

/** When a card that was refused is worth another try. */
public final class CardRetry {

    /** Answers after which asking again is pointless, and for some networks forbidden. */
    private static final Set<String> FINAL = Set.of(
            "stolen_card", "lost_card", "closed_account", "invalid_number", "pickup_card", "revoked");

    private static final int MAX_TRIES = 4;

    private CardRetry() {}

    /**
     * The day of the next try. An empty account fills up around pay day, so that case waits for
     * the first of the month or a Friday, whichever comes first; everything else waits a little
     * longer each time.
     */
    public static Optional<LocalDate> nextAttempt(String declineCode, int tries, LocalDate today) {
        if (FINAL.contains(declineCode) || tries >= MAX_TRIES) {
            return Optional.empty();
        }
        if (declineCode.equals("insufficient_funds")) {
            LocalDate friday = today.with(TemporalAdjusters.next(DayOfWeek.FRIDAY));
            LocalDate payDay = today.with(TemporalAdjusters.firstDayOfNextMonth());
            return Optional.of(friday.isBefore(payDay) ? friday : payDay);
        }
        int[] waitingDays = {1, 3, 5, 7};
        return Optional.of(today.plusDays(waitingDays[Math.min(tries, waitingDays.length - 1)]));
    }
}
