# The last line of this file has no line feed, and the last method ends with it.
class Kettle
  def initialize(litres)
    @litres = litres
  end

  # Seconds until the water boils, with the given power in watts.
  def seconds_to_boil(watts, from_celsius: 15)
    joules = @litres * 4186 * (100 - from_celsius)
    (joules / watts.to_f).round
  end
end