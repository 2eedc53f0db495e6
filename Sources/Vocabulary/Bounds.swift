/// An interval of numbers, and how to say it.
public struct Bounds: Sendable, CustomStringConvertible {
  public let low: Double, high: Double
  public let openLow: Bool, openHigh: Bool
  public let whole: Bool

  private init(_ low: Double, _ high: Double, openLow: Bool, openHigh: Bool, whole: Bool = false) {
    (self.low, self.high, self.openLow, self.openHigh, self.whole) = (low, high, openLow, openHigh, whole)
  }

  public static let positive = Bounds(0, .infinity, openLow: true, openHigh: true)
  public static let notNegative = Bounds(0, .infinity, openLow: false, openHigh: true)
  public static let positiveOrInfinite = Bounds(0, .infinity, openLow: true, openHigh: false)
  public static let oneOrMore = Bounds(1, .infinity, openLow: false, openHigh: false)
  public static let finite = Bounds(-.infinity, .infinity, openLow: true, openHigh: true)
  public static let flag = Bounds(0, 1, openLow: false, openHigh: false, whole: true)
  public static let anyRate = Bounds(-.infinity, .infinity, openLow: false, openHigh: false)
  public static let count = whole(1, 2_147_483_647)
  public static let countOrZero = whole(0, 2_147_483_647)
  public static let countOrInfinite = Bounds(1, .infinity, openLow: false, openHigh: false, whole: true)
  public static func whole(_ low: Double, _ high: Double) -> Bounds {
    Bounds(low, high, openLow: false, openHigh: false, whole: true)
  }
  public static func from(_ low: Double, below high: Double) -> Bounds {
    Bounds(low, high, openLow: false, openHigh: true)
  }
  public static func above(_ low: Double, to high: Double) -> Bounds {
    Bounds(low, high, openLow: true, openHigh: high == .infinity)
  }
  public static func within(_ low: Double, _ high: Double) -> Bounds {
    Bounds(low, high, openLow: false, openHigh: false)
  }
  public static func between(_ low: Double, _ high: Double) -> Bounds {
    Bounds(low, high, openLow: true, openHigh: true)
  }

  public func contains(_ x: Double) -> Bool {
    !x.isNaN && (openLow ? x > low : x >= low) && (openHigh ? x < high : x <= high)
      && (!whole || x == x.rounded())
  }

  public var description: String {
    if low == 0, high == 1, whole { return "true or false" }
    let kind = whole ? "a whole number " : ""
    let lower = low == -.infinity ? nil : openLow ? "above \(short(low))" : "at least \(short(low))"
    let upper =
      high == .infinity
      ? (openHigh && lower == nil ? "finite" : nil)
      : openHigh ? "below \(short(high))" : "at most \(short(high))"
    let range = [lower, upper].compactMap { $0 }.joined(separator: " and ")
    return range.isEmpty ? "a number" : kind + range + (whole && high == .infinity ? ", or infinity" : "")
  }

  private func short(_ x: Double) -> String { x == x.rounded() && abs(x) < 1e15 ? String(Int(x)) : String(x) }
}
