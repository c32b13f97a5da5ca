package lighthouse

import "errors"

// ErrDark is returned when no lamp answers.
var ErrDark = errors.New("beacon is dark")

// Sweep turns the beam through a full circle.
func Sweep(steps int, turn func(degrees float64) error) error {
	for i := 0; i < steps; i++ {
		if err := turn(float64(i) * 360 / float64(steps)); err != nil {
			return errors.Join(ErrDark, err)
		}
	}
	return nil
}
