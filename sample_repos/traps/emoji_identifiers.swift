// Swift lets you name things with emoji, and people do.

struct Pasture {
    var 🐮 = 12
    var 🐑 = 40

    /// Each cow needs as much grass as six sheep.
    func daysOfGrass(kilograms: Double) -> Double {
        let 🌱PerDay = Double(🐮) * 60 + Double(🐑) * 10
        return kilograms / 🌱PerDay
    }
}

func 🎲(sides: Int) -> Int {
    return Int.random(in: 1...sides)
}
