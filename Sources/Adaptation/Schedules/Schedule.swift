import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A rate, or a factor of one, that is known before training starts: a pure function of the step, so it has no state
/// to save. Values may be negative: learned schedules are.
public protocol Schedule: Sendable {
  /// step: counted from 0, below 2^31 as all counts are.
  func value(_ step: Int) -> Double
}

/// A schedule that can be made by its name.
public protocol CataloguedSchedule: Schedule {
  static var card: Card { get }
  /// Arguments that take a list; the card's bounds hold for every element.
  static var lists: [String] { get }
  init(_ settings: ScheduleSettings) throws
}

extension CataloguedSchedule {
  public static var lists: [String] { [] }
}

extension Schedule {
  /// For whoever takes a step: exponential growth overflows in the end.
  public func finiteValue(_ step: Int) throws -> Double {
    let value = value(step)
    guard value.isFinite else {
      throw Failure.value("schedule: the value at step \(step) must be finite, got \(describe(value))")
    }
    return value
  }
}

/// Half a period of a cosine: `first` at fraction 0, `last` at 1, level at both.
func cosineBetween(_ first: Double, _ last: Double, fraction: Double) -> Double {
  last + (first - last) / 2 * (1 + cos(.pi * fraction))
}
