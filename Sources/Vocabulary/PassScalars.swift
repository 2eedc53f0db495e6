/// The numbers of one pass of a whole method over its vectors; what each means is the method's own.
public struct PassScalars: Sendable {
  /// Of the step, or of what enters an average.
  public var rate = 0.0
  /// Factor of the gradient.
  public var scale = 1.0
  /// Weight of what is new in an average, and of what it held.
  public var weight = 0.0, memory = 0.0
  public init() {}
}

/// Up to three inner products from one pass, in the order of the method's rule.
public struct PassSums: Sendable {
  public var first = 0.0, second = 0.0, third = 0.0
  public init() {}

  public static func += (a: inout Self, b: Self) {
    a.first += b.first
    a.second += b.second
    a.third += b.third
  }
}
