using System;
using System.Collections.Generic;

namespace Greenhouse
{
    /// <summary>Keeps a greenhouse warm without switching the boiler on and off all the time.</summary>
    public sealed class Thermostat
    {
        private readonly double target;
        private readonly double margin;
        private readonly Queue<double> readings = new Queue<double>();

        public bool Heating { get; private set; }

        public Thermostat(double target, double margin)
        {
            this.target = target;
            this.margin = margin;
        }

        /// <summary>
        /// Takes a reading and decides. Between the two limits everything stays as it is, so that a
        /// cloud does not start the boiler for a minute.
        /// </summary>
        public bool Update(double celsius)
        {
            var smoothed = Smooth(celsius);
            if (smoothed < target - margin)
            {
                Heating = true;
            }
            else if (smoothed > target + margin)
            {
                Heating = false;
            }
            return Heating;
        }

        /// <summary>The middle one of the last five readings: one wild value changes nothing.</summary>
        private double Smooth(double celsius)
        {
            readings.Enqueue(celsius);
            if (readings.Count > 5)
            {
                readings.Dequeue();
            }
            var sorted = readings.ToArray();
            Array.Sort(sorted);
            return sorted[sorted.Length / 2];
        }
    }
}
