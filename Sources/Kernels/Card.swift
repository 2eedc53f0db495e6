/// What a method is called, where it comes from, and what it can be told. Messages, documentation and the command line
/// learn of a method's arguments from its card alone.
public struct Card: Sendable {
  public struct Argument: Sendable {
    public let name: String
    /// nil: must be given.
    public let `default`: Double?
    public let bounds: Bounds
    public let meaning: String

    public init(_ name: String, _ fallback: Double?, _ bounds: Bounds, _ meaning: String) {
      self.name = name
      self.default = fallback
      self.bounds = bounds
      self.meaning = meaning
    }
  }

  public let name: String
  public let title: String
  public let paper: String
  public let arguments: [Argument]
  /// What the method needs beyond the gradient; for display.
  public let cost: String

  public init(_ name: String, title: String, paper: String, cost: String, arguments: [Argument]) {
    self.name = name
    self.title = title
    self.paper = paper
    self.cost = cost
    self.arguments = arguments
  }

  /// Every argument, given or by default, within its bounds.
  public func read(_ attributes: Attributes) throws -> Settings {
    try attributes.allow(arguments.map(\.name))
    var values: [String: Double] = [:]
    for argument in arguments {
      let value = try attributes.number(argument.name, default: argument.default)
      guard argument.bounds.contains(value) else {
        throw Failure.value("\(title): \(argument.name) must be \(argument.bounds), got \(value)")
      }
      values[argument.name] = value
    }
    return Settings(values: values)
  }
}

/// Argument values that were checked against a card.
public struct Settings: Sendable {
  public var values: [String: Double]
  public init(values: [String: Double]) { self.values = values }
  public subscript(_ name: String) -> Double { values[name]! }
}

/// An interval of numbers, and how to say it.
public struct Bounds: Sendable, CustomStringConvertible {
  let low: Double, high: Double
  let openLow: Bool, openHigh: Bool
  let whole: Bool

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
  public static let count = Bounds(1, 2_147_483_647, openLow: false, openHigh: false, whole: true)
  public static let countOrZero = Bounds(0, 2_147_483_647, openLow: false, openHigh: false, whole: true)
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
    return range.isEmpty ? "a number" : kind + range
  }

  private func short(_ x: Double) -> String { x == x.rounded() && abs(x) < 1e15 ? String(Int(x)) : String(x) }
}
