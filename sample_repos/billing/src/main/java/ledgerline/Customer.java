package ledgerline;

import java.util.Optional;

/**
 * Who pays.
 *
 * @param country ISO 3166 code of the place of supply
 * @param vatNumber present for businesses that have shown a valid one
 * @param exempt charities and the like, with a certificate on file
 */
public record Customer(
        String id, String name, String email, String country, Optional<String> vatNumber, boolean exempt) {

    public boolean isBusiness() {
        return vatNumber.isPresent();
    }
}
