/// Schedules multiplied: a warm-up times a decay. Has no name in the catalogue: a list of schedules is a product.
public struct ProductSchedule: Schedule {
  private let factors: [any Schedule]

  public init(_ factors: [any Schedule]) { self.factors = factors }

  public func value(_ step: Int) -> Double { factors.reduce(1) { $0 * $1.value(step) } }
}
