package ledgerline;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;

/**
 * A price list that gets cheaper with volume.
 *
 * <p>The tiers are graduated: each price applies to the units within its tier only, so buying
 * one more unit never makes the whole bill smaller.
 */
public final class UsageTiers {

    /** @param upTo last unit of this tier; {@code Long.MAX_VALUE} for the last one */
    public record Tier(long upTo, BigDecimal pricePerUnit) {}

    private final String unit;
    private final List<Tier> tiers;

    public UsageTiers(String unit, List<Tier> tiers) {
        long previous = 0;
        for (Tier tier : tiers) {
            if (tier.upTo() <= previous) {
                throw new IllegalArgumentException("tiers must rise: " + tier.upTo() + " after " + previous);
            }
            previous = tier.upTo();
        }
        if (previous != Long.MAX_VALUE) {
            throw new IllegalArgumentException("the last tier must be open-ended, this one stops at " + previous);
        }
        this.unit = unit;
        this.tiers = List.copyOf(tiers);
    }

    /** One invoice line for every tier that was reached. Unit prices may be fractions of a cent. */
    public List<Invoice.Line> charge(long consumed, Money zero) {
        List<Invoice.Line> lines = new ArrayList<>();
        long from = 0;
        for (Tier tier : tiers) {
            if (consumed <= from) {
                break;
            }
            long units = Math.min(consumed, tier.upTo()) - from;
            BigDecimal minorUnits = tier.pricePerUnit()
                    .movePointRight(zero.currency().getDefaultFractionDigits())
                    .multiply(BigDecimal.valueOf(units));
            Money amount = new Money(1, zero.currency()).times(minorUnits);
            lines.add(new Invoice.Line(
                    "%,d %s at %s".formatted(units, unit, tier.pricePerUnit().toPlainString()), amount));
            from = tier.upTo();
        }
        return lines;
    }
}
