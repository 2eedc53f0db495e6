/// Named arguments of an operation, a direction or a rate, as they cross the ABI. `owner` names who is asking, for
/// messages.
public struct Attributes {
  public enum Value: Equatable, Sendable {
    case numbers([Double])
    case text(String)
  }

  public let owner: String
  public private(set) var values: [String: Value]

  public init(_ owner: String, _ values: [String: Value] = [:]) {
    self.owner = owner
    self.values = values
  }

  public init(_ owner: String, numbers: [String: Double]) {
    self.init(owner, numbers.mapValues { .numbers([$0]) })
  }

  public func has(_ key: String) -> Bool { values[key] != nil }

  /// An unknown name is an error: a misspelt argument must not be ignored.
  public func allow(_ keys: [String]) throws {
    for key in values.keys.sorted() where !keys.contains(key) {
      let known = keys.isEmpty ? "it takes none" : "it takes " + keys.joined(separator: ", ")
      throw Failure.value("\(owner) has no argument '\(key)'; \(known)")
    }
  }

  public func number(_ key: String, default fallback: Double? = nil) throws -> Double {
    guard let value = values[key] else {
      guard let fallback else { throw Failure.value("\(owner) needs the argument '\(key)'") }
      return fallback
    }
    guard case .numbers(let numbers) = value, numbers.count == 1 else {
      throw Failure.type("\(owner): \(key) must be a number, got \(describe(value))")
    }
    return numbers[0]
  }

  public func flag(_ key: String, default fallback: Bool) throws -> Bool {
    try number(key, default: fallback ? 1 : 0) != 0
  }

  public func integer(_ key: String, default fallback: Int? = nil) throws -> Int {
    let value = try number(key, default: fallback.map(Double.init))
    guard let exact = wholeNumber(value) else {
      throw Failure.value("\(owner): \(key) must be a whole number below 2^31, got \(value)")
    }
    return exact
  }

  public func integers(_ key: String) throws -> [Int]? {
    guard let value = values[key] else { return nil }
    guard case .numbers(let numbers) = value else {
      throw Failure.type("\(owner): \(key) must be whole numbers, got \(describe(value))")
    }
    return try numbers.map {
      guard let exact = wholeNumber($0) else {
        throw Failure.value("\(owner): \(key) must be whole numbers below 2^31, got \($0)")
      }
      return exact
    }
  }

  /// A list; a single number is a list of one.
  public func numbers(_ key: String) throws -> [Double] {
    guard let value = values[key] else { throw Failure.value("\(owner) needs the argument '\(key)'") }
    guard case .numbers(let numbers) = value else {
      throw Failure.type("\(owner): \(key) must be numbers, got \(describe(value))")
    }
    return numbers
  }

  public func text(_ key: String, default fallback: String? = nil) throws -> String {
    guard let value = values[key] else {
      guard let fallback else { throw Failure.value("\(owner) needs the argument '\(key)'") }
      return fallback
    }
    guard case .text(let text) = value else {
      throw Failure.type("\(owner): \(key) must be a text, got \(describe(value))")
    }
    return text
  }

  private func describe(_ value: Value) -> String {
    switch value {
    case .numbers(let numbers): numbers.count == 1 ? "\(numbers[0])" : "\(numbers)"
    case .text(let text): "'\(text)'"
    }
  }
}

/// A whole number of a size that sizes and counts may have: products of two never overflow.
public func wholeNumber(_ x: Double) -> Int? {
  guard let exact = Int(exactly: x), exact.magnitude <= UInt(Int32.max) else { return nil }
  return exact
}
