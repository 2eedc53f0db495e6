import CVector
import Vocabulary

/// Memory that the system has refused.
///
/// A kernel that gets no room for its work leaves its result as it is and notes it; whoever called it looks before the
/// result is used for anything that stays. So nothing changes that was not to change.
public enum Refusal {
  static func note() { cv_thread().pointee.refused = 1 }

  /// Forgets the note, if there is one: of a worker, whose caller is told.
  static func takeNote() -> Bool {
    let thread = cv_thread()!
    guard thread.pointee.refused != 0 else { return false }
    thread.pointee.refused = 0
    return true
  }

  /// Fails where a kernel that this thread called has gone without since the last look.
  @inline(__always)
  public static func check() throws {
    if cv_thread().pointee.refused != 0 { try fail() }
  }

  private static func fail() throws {
    _ = takeNote()
    throw Failure(.memory, "not enough memory for an operation; nothing was changed")
  }

  /// Fails where small objects had to be made from the reserve, and it cannot be filled again.
  public static func checkReserve() throws {
    guard cv_reserve() else {
      throw Failure(
        .memory, "not enough memory: the system has refused some to the library; nothing was changed")
    }
  }

  static func failure(_ byteCount: Int) -> Failure {
    Failure(.memory, "not enough memory: \(byteCount) bytes were refused; nothing was changed")
  }
}
