package ledgerline;

import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.Optional;

/** A reduction that a customer got with a voucher. */
public sealed interface Discount {

    String code();

    /** How much comes off, never more than the amount itself. Empty when it does not apply. */
    Optional<Money> reductionOf(Money amount, LocalDate day, int periodsBilled);

    /** So many percent, for so many billing periods. */
    record Percentage(String code, BigDecimal percent, int periods) implements Discount {

        public Percentage {
            if (percent.signum() <= 0 || percent.compareTo(BigDecimal.valueOf(100)) > 0) {
                throw new IllegalArgumentException("not a percentage: " + percent);
            }
        }

        @Override
        public Optional<Money> reductionOf(Money amount, LocalDate day, int periodsBilled) {
            if (periodsBilled >= periods) {
                return Optional.empty();
            }
            return Optional.of(amount.times(percent.movePointLeft(2)).atMost(amount));
        }
    }

    /** A fixed sum off one invoice. What is not used up is lost. */
    record Voucher(String code, Money value, LocalDate expires) implements Discount {

        @Override
        public Optional<Money> reductionOf(Money amount, LocalDate day, int periodsBilled) {
            if (day.isAfter(expires) || periodsBilled > 0) {
                return Optional.empty();
            }
            return Optional.of(value.atMost(amount));
        }
    }
}
