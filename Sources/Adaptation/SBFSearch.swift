import Vocabulary

/// Finds a threshold from noisy signals "increase" and "decrease": soft bisection, then fine search (the search of the
/// ALRS paper). m is a moving average of the signals; a limit moves away from the value only while the signals agree
/// with it (gate), which lets a wrong limit be undone without keeping the interval open for ever.
public struct SBFSearch {
  public static let card = Card(
    "sbf", title: "SBFSearch", paper: "ALRS", cost: "",
    arguments: [
      .init("start", 1, .positive, "the first value"),
      .init("rho", 0.8, .from(0, below: 1), "memory of the signal average"),
      .init("gate", 0.2, .from(0, below: 1), "agreement at which a limit is softened"),
      .init("max_signals", 100, .countOrZero, "longest bisection; 0: none"),
      .init("final_signals", 20, .countOrZero, "signals of the fine search; 0: none"),
      .init("given", 0, .flag, "only the signal is kept: another search says what the value is"),
    ])

  public enum Phase: Int, CaseIterable {
    case bisection = 0
    case fine = 1
    case done = 2
  }

  private let rho, gate: Double
  private let maxSignals, finalSignals: Int
  private let isGiven: Bool
  /// The last signal, of a search whose values are given; the search is halted until the next value.
  public private(set) var asked = 0
  public private(set) var value: Double
  public private(set) var lower = 0.0
  public private(set) var upper: Double
  public private(set) var phase = Phase.bisection
  /// Signals received in all.
  public private(set) var signals = 0
  private var average = 0.0
  private var fineSignals = 0

  public init(_ settings: Settings) {
    value = settings["start"]
    upper = 2 * value
    rho = settings["rho"]
    gate = settings["gate"]
    maxSignals = Int(settings["max_signals"])
    finalSignals = Int(settings["final_signals"])
    isGiven = settings["given"] != 0
    if maxSignals == 0 { endBisection() }
  }

  private mutating func endBisection() { phase = finalSignals > 0 ? .fine : .done }

  /// What another search makes of the signal that was asked about: its value, and whether it is done.
  public mutating func go(on value: Double, done: Bool) throws {
    guard isGiven else { throw Failure.value("the search has values of its own") }
    guard value > 0, value.isFinite else {
      throw Failure.value("search: value: got \(value); allowed: above 0 and finite")
    }
    (self.value, asked) = (value, 0)
    phase = done ? .done : .bisection
  }

  public var isDone: Bool { phase == .done }

  /// s = +1: increase, -1: decrease.
  public mutating func signal(_ s: Double) throws {
    guard phase != .done else {
      throw Failure.value("the search is done after \(signals) signals; its value is \(value)")
    }
    signals += 1
    if isGiven {
      asked = s > 0 ? 1 : -1
      phase = .done
      return
    }
    average = rho * average + (1 - rho) * s
    let agreement = abs(average)
    if phase == .fine {
      let fraction = 0.01 + 0.04 * agreement
      value *= 1 + s * fraction
      fineSignals += 1
      if fineSignals == finalSignals { phase = .done }
      return
    }
    let soft = 1.05 + 0.45 * agreement
    let agrees = s * average > gate
    if s > 0 {
      lower = value
      if agrees { upper *= soft }
    } else {
      upper = value
      if agrees { lower /= soft }
    }
    value = (lower + upper) / 2
    if upper - lower < 0.05 * value || signals == maxSignals { endBisection() }
  }
}
