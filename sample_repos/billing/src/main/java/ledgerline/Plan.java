package ledgerline;

import java.time.Period;
import java.util.Optional;

/**
 * What is sold: a fixed price per period, and perhaps a price for what is consumed on top.
 *
 * @param trialDays days at the beginning that cost nothing
 * @param usage how consumption is priced; empty for flat plans
 */
public record Plan(
        String code,
        String title,
        Money price,
        Period rhythm,
        int trialDays,
        Optional<UsageTiers> usage) {

    public Plan {
        if (price.isNegative()) {
            throw new IllegalArgumentException(code + " has a negative price");
        }
        if (trialDays < 0) {
            throw new IllegalArgumentException(code + " has a negative trial");
        }
    }

    public static Plan monthly(String code, String title, Money price) {
        return new Plan(code, title, price, BillingCalendar.MONTHLY, 0, Optional.empty());
    }

    public Plan withTrial(int days) {
        return new Plan(code, title, price, rhythm, days, usage);
    }

    public Plan withUsage(UsageTiers tiers) {
        return new Plan(code, title, price, rhythm, trialDays, Optional.of(tiers));
    }
}
