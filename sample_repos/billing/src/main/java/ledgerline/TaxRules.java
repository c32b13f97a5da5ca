package ledgerline;

import java.math.BigDecimal;
import java.util.Map;

/**
 * Value added tax on electronically supplied services, as seen by a seller in the European Union.
 *
 * <p>Rates change. They are data for that reason, and a deployment replaces the map below with
 * one that it keeps up to date.
 */
public final class TaxRules {

    /** What to charge, and the sentence that has to be printed on the invoice. */
    public record Treatment(BigDecimal percent, String note) {

        public Money on(Money net) {
            return net.times(percent.movePointLeft(2));
        }
    }

    static final Map<String, BigDecimal> STANDARD_RATES = Map.ofEntries(
            rate("AT", "20"), rate("BE", "21"), rate("CZ", "21"), rate("DE", "19"), rate("DK", "25"),
            rate("ES", "21"), rate("FI", "25.5"), rate("FR", "20"), rate("GR", "24"), rate("HU", "27"),
            rate("IE", "23"), rate("IT", "22"), rate("LU", "17"), rate("NL", "21"), rate("PL", "23"),
            rate("PT", "23"), rate("RO", "19"), rate("SE", "25"), rate("SI", "22"), rate("SK", "23"));

    private static final BigDecimal NONE = BigDecimal.ZERO;

    private final String homeCountry;

    public TaxRules(String homeCountry) {
        if (!STANDARD_RATES.containsKey(homeCountry)) {
            throw new IllegalArgumentException("no rate is known for " + homeCountry);
        }
        this.homeCountry = homeCountry;
    }

    /**
     * Decides by the place of the customer:
     *
     * <ol>
     *   <li>outside the union: no tax, the service is not supplied here;
     *   <li>a business in another member state: no tax, the customer declares it instead
     *       (reverse charge), which the invoice has to say;
     *   <li>everybody else: the rate of the customer's own country, from the first cent.
     * </ol>
     */
    public Treatment treatmentFor(Customer customer) {
        if (customer.exempt()) {
            return new Treatment(NONE, "Exempt, certificate on file");
        }
        BigDecimal local = STANDARD_RATES.get(customer.country());
        if (local == null) {
            return new Treatment(NONE, "Not subject to VAT: place of supply outside the EU");
        }
        if (customer.isBusiness() && !customer.country().equals(homeCountry)) {
            return new Treatment(NONE, "Reverse charge: VAT to be accounted for by the recipient, "
                    + customer.vatNumber().orElseThrow());
        }
        return new Treatment(local, "VAT " + local.toPlainString() + "% " + customer.country());
    }

    private static Map.Entry<String, BigDecimal> rate(String country, String percent) {
        return Map.entry(country, new BigDecimal(percent));
    }
}
