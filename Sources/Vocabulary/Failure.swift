/// What went wrong, for the user of the library: the message names the argument, what was given and what is allowed.
public struct Failure: Error, CustomStringConvertible {
  public enum Kind: Int32, CaseIterable, Sendable {
    case value = 1
    case shape = 2
    case type = 3
    case recording = 4
    case diverged = 5
    case memory = 6
    case `internal` = 7
    /// Somebody else works on it.
    case busy = 8
  }

  public let kind: Kind
  public let message: String
  /// Where a run diverged: the step that it could not take, counted from 0.
  public let step: Int?
  public var description: String { message }

  public init(_ kind: Kind, _ message: String, step: Int? = nil) {
    (self.kind, self.message, self.step) = (kind, message, step)
  }

  public static func value(_ message: String) -> Failure { Failure(.value, message) }
  public static func shape(_ message: String) -> Failure { Failure(.shape, message) }
  public static func type(_ message: String) -> Failure { Failure(.type, message) }
  public static func diverged(_ message: String, step: Int) -> Failure {
    Failure(.diverged, message, step: step)
  }
}

/// A number for a message, as Python writes it: the sign of NaN, which depends on the processor's path to it, says nothing.
public func describe(_ number: Double) -> String { number.isNaN ? "nan" : "\(number)" }
