package ledgerline;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Currency;
import java.util.List;
import java.util.Objects;

/** An amount in whole minor units (cents, pence, yen) of one currency. May be negative. */
public record Money(long minorUnits, Currency currency) implements Comparable<Money> {

    public Money {
        Objects.requireNonNull(currency);
    }

    public static Money of(String amount, String currencyCode) {
        Currency currency = Currency.getInstance(currencyCode);
        BigDecimal units = new BigDecimal(amount).movePointRight(currency.getDefaultFractionDigits());
        return new Money(units.longValueExact(), currency);
    }

    public static Money zero(Currency currency) {
        return new Money(0, currency);
    }

    public Money plus(Money other) {
        return new Money(Math.addExact(minorUnits, sameCurrency(other).minorUnits), currency);
    }

    public Money minus(Money other) {
        return new Money(Math.subtractExact(minorUnits, sameCurrency(other).minorUnits), currency);
    }

    public Money negated() {
        return new Money(Math.negateExact(minorUnits), currency);
    }

    public Money times(long factor) {
        return new Money(Math.multiplyExact(minorUnits, factor), currency);
    }

    /**
     * Multiplies with a fraction and rounds half to even, so that over many invoices neither
     * side gains from the rounding.
     */
    public Money times(BigDecimal factor) {
        BigDecimal exact = BigDecimal.valueOf(minorUnits).multiply(factor);
        return new Money(exact.setScale(0, RoundingMode.HALF_EVEN).longValueExact(), currency);
    }

    /**
     * Splits the amount in proportion to the weights without losing a cent: every share is
     * rounded down, and what is left over goes, one unit each, to the shares that lost most.
     *
     * <p>Ten euros in three equal parts are 3.34, 3.33 and 3.33.
     */
    public List<Money> allocate(List<Integer> weights) {
        long total = weights.stream().mapToLong(Integer::longValue).sum();
        if (total <= 0 || weights.stream().anyMatch(weight -> weight < 0)) {
            throw new IllegalArgumentException("weights must not be negative, nor all zero: " + weights);
        }
        long[] shares = new long[weights.size()];
        long[] lost = new long[weights.size()];
        long left = minorUnits;
        for (int i = 0; i < shares.length; i++) {
            long product = Math.multiplyExact(minorUnits, weights.get(i));
            shares[i] = Math.floorDiv(product, total);
            lost[i] = Math.floorMod(product, total);
            left -= shares[i];
        }
        for (; left > 0; left--) {
            int hardestHit = 0;
            for (int i = 1; i < lost.length; i++) {
                if (lost[i] > lost[hardestHit]) {
                    hardestHit = i;
                }
            }
            shares[hardestHit]++;
            lost[hardestHit] = -1;
        }
        return java.util.Arrays.stream(shares).mapToObj(units -> new Money(units, currency)).toList();
    }

    public boolean isNegative() {
        return minorUnits < 0;
    }

    public boolean isZero() {
        return minorUnits == 0;
    }

    public Money atMost(Money limit) {
        return compareTo(limit) > 0 ? limit : this;
    }

    @Override
    public int compareTo(Money other) {
        return Long.compare(minorUnits, sameCurrency(other).minorUnits);
    }

    private Money sameCurrency(Money other) {
        if (!currency.equals(other.currency)) {
            throw new CurrencyMismatch(currency, other.currency);
        }
        return other;
    }

    @Override
    public String toString() {
        BigDecimal amount = BigDecimal.valueOf(minorUnits, currency.getDefaultFractionDigits());
        return amount.toPlainString() + " " + currency.getCurrencyCode();
    }

    /** Two amounts that cannot be added, because nobody said at which rate. */
    public static final class CurrencyMismatch extends RuntimeException {
        CurrencyMismatch(Currency left, Currency right) {
            super("cannot mix " + left + " and " + right + " without an exchange rate");
        }
    }
}
