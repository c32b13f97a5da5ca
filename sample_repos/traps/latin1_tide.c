/* Hauteur de marée à une heure donnée, par la règle des douzièmes.
 * Ce fichier est en Latin-1, comme en 1994. Données: port de Saint-Malo, côte d'Émeraude.
 */
#include <math.h>
#include <stdio.h>

struct tide {
    double low_hour;    /* basse mer */
    double low_metres;
    double high_hour;   /* pleine mer */
    double high_metres;
};

/* La mer monte d'un douzième la première heure, de deux la deuxième, puis trois, trois, deux, un. */
double height_at(const struct tide *t, double hour)
{
    double share = (hour - t->low_hour) / (t->high_hour - t->low_hour);
    if (share <= 0.0)
        return t->low_metres;
    if (share >= 1.0)
        return t->high_metres;
    return t->low_metres + (t->high_metres - t->low_metres) * (1.0 - cos(share * M_PI)) / 2.0;
}

/* Première heure à laquelle un bateau de ce tirant d'eau passe le seuil; négative si jamais. */
double can_enter_from(const struct tide *t, double draught, double sill)
{
    double hour;
    for (hour = t->low_hour; hour <= t->high_hour; hour += 0.1)
        if (height_at(t, hour) - sill >= draught + 0.5)
            return hour;
    return -1.0;
}

int main(void)
{
    struct tide today = {3.4, 1.2, 9.1, 11.8};
    printf("Entrée possible dès %.1f h\n", can_enter_from(&today, 2.1, 3.0));
    return 0;
}
