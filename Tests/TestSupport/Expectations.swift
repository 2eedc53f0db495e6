import Glibc
import Kernels
import Vocabulary
import XCTest

/// Largest difference within `units` rounding errors of the larger of 1 and the largest entry.
public func expectClose<T: Scalar>(
  _: T.Type, _ got: [Double], _ wanted: [Double], units: Double = 8, _ label: @autoclosure () -> String = "",
  file: StaticString = #filePath, line: UInt = #line
) {
  guard got.count == wanted.count else {
    return XCTFail("\(got.count) values for \(wanted.count) \(label())", file: file, line: line)
  }
  let allowed = units * Double(T.ulpOfOne) * max(1, wanted.lazy.map(abs).max() ?? 0)
  for (i, (g, w)) in zip(got, wanted).enumerated() {
    let equal = g == w || (g.isNaN && w.isNaN) || abs(g - w) <= allowed
    if !equal {
      return XCTFail("\(T.self) \(label()): element \(i) is \(g), not \(w)", file: file, line: line)
    }
  }
}

/// The result of `body`, which must have the same bits for 1, 2, 3 and 7 threads.
@discardableResult
public func sameBitsForAnyThreads(
  _ label: String = "", file: StaticString = #filePath, line: UInt = #line, _ body: () -> [Double]
) -> [Double] {
  let before = ThreadPool.shared.threads
  defer { ThreadPool.shared.threads = before }
  let results = [1, 2, 3, 7].map { threads in
    ThreadPool.shared.threads = threads
    return body()
  }
  for other in results.dropFirst() {
    XCTAssertTrue(
      zip(results[0], other).allSatisfy { $0.bitPattern == $1.bitPattern }, "\(label) depends on the threads",
      file: file, line: line)
  }
  return results[0]
}

/// A failure of one kind, with a message that has these parts and the step that it names, if any.
public func expectFailure<R>(
  _ kind: Failure.Kind, _ parts: [String], step: Int? = nil, file: StaticString = #filePath,
  line: UInt = #line, _ body: () throws -> R
) {
  XCTAssertThrowsError(try body(), file: file, line: line) { error in
    XCTAssertEqual((error as? Failure)?.kind, kind, "\(error)", file: file, line: line)
    XCTAssertEqual((error as? Failure)?.step, step, "\(error)", file: file, line: line)
    for part in parts { XCTAssertTrue("\(error)".contains(part), "\(error)", file: file, line: line) }
  }
}

/// Whether `body` returns true in a forked child; a trap there is a failed test here, not the end of the run.
public func holdsInChild(_ body: () -> Bool) -> Bool {
  typealias Fork = @convention(c) () -> Int32
  let fork = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)
  let child = fork()
  if child == 0 { _exit(body() ? 0 : 1) }
  var status: Int32 = -1
  waitpid(child, &status, 0)
  return status == 0
}
