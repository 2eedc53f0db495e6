/// A small generator of its own, so that every run tests the same numbers.
public struct Numbers {
  private var state: UInt64

  public init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  public mutating func word() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  /// Uniform in [-1, 1).
  public mutating func next() -> Double { Double(word() >> 11) / Double(1 << 52) - 1 }

  public mutating func integer(below limit: Int) -> Int { Int(word() >> 16) % limit }

  /// Values that Float holds exactly, so that one reference serves both precisions.
  public mutating func array(_ count: Int) -> [Double] { (0..<count).map { _ in Double(Float(next())) } }
}

public func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
