import Foundation
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

final class RecorderTests: XCTestCase {
  override func tearDown() {
    Recorder.abort()
    (Context.seed, Context.stream) = (0, 0)
  }

  func testOneRecordingAtATime() throws {
    XCTAssertFalse(Context.isRecording)
    try Recorder.begin([])
    XCTAssertTrue(Context.isRecording)
    expectFailure(.recording, ["already recording"]) { try Recorder.begin([]) }
    XCTAssertTrue(Context.isRecording)
    Recorder.abort()
    XCTAssertFalse(Context.isRecording)
    Recorder.abort()
    expectFailure(.recording, ["not recording"]) { try Recorder.end([Tensor([], [1])]) }
  }

  func testTheLossMustBeAFloatingScalar() throws {
    let wrong: [[Tensor]] = [[], [Tensor([2], [1, 2])], [try! Tensor(zeros: [], dtype: .int64)]]
    for outputs in wrong {
      try Recorder.begin([])
      XCTAssertThrowsError(try Recorder.end(outputs)) { error in
        XCTAssertEqual((error as? Failure)?.kind, .shape)
        XCTAssertTrue("\(error)".contains("must be a scalar"), "\(error)")
      }
      XCTAssertFalse(Context.isRecording, "a failed recording has ended")
    }
  }

  func testOtherThreadsAreNotRecorded() throws {
    let x = Tensor([2], [1, 2])
    try Recorder.begin([x])
    let done = expectation(description: "thread")
    Thread {
      XCTAssertFalse(Context.isRecording)
      _ = try? apply("log", [x])
      done.fulfill()
    }.start()
    wait(for: [done], timeout: 10)
    let loss = try apply("sum", [x])
    XCTAssertEqual(Context.recorder?.steps.count, 1)
    let program = try Recorder.end([loss])
    x.pointer.storeBytes(of: 5, as: Double.self)
    XCTAssertEqual(try program.forward(), 7)
  }

  /// What the outputs do not need is left out; effects stay, except in probes.
  func testAReplayDoesWhatIsNeeded() throws {
    let x = Tensor([2], [1, 3])
    let w = Tensor([2], [1, 1], requiresGrad: true)
    let (one, running, variance) = (Tensor([1], [1]), Tensor([1], [0]), Tensor([1], [0]))
    try Recorder.begin([x])
    let unused = try apply("exp", [x])
    let column = try apply("reshape", [x], ["shape": .numbers([2, 1])])
    _ = try apply("batch_norm", [column, one, one, running, variance], ["momentum": .numbers([0.5])])
    let shown = try apply("mul", [x, w])
    let loss = try apply("sum", [apply("square", [shown])])
    let program = try Recorder.end([loss, shown])
    XCTAssertEqual(running.values, [1])
    let before = unused.values
    x.pointer.storeBytes(of: 2, as: Double.self)
    XCTAssertEqual(try program.forward(probe: true), 13)
    XCTAssertEqual(running.values, [1])
    XCTAssertEqual(try program.forward(), 13)
    XCTAssertEqual(running.values, [1.75])
    XCTAssertEqual(unused.values, before)
    XCTAssertEqual(program.outputs[1].values, [2, 3])
    try! program.backward()
    XCTAssertEqual(w.grad!.values, [8, 18])
    try! program.backward()
    XCTAssertEqual(w.grad!.values, [8, 18], "a program's gradients are overwritten, not added")
  }

  func testALossWithoutParameters() throws {
    let x = Tensor([2], [1, 3])
    try Recorder.begin([x])
    let program = try Recorder.end([apply("mean", [x])])
    XCTAssertTrue(program.leaves.isEmpty)
    XCTAssertEqual(try program.forward(), 2)
    try! program.backward()
    XCTAssertNil(x.grad)
  }

  func testDataAreCheckedBeforeARun() throws {
    let x = Tensor([2, 3], [Double](repeating: 1, count: 6))
    try Recorder.begin([x])
    let program = try Recorder.end([apply("sum", [x])])
    let data = Tensor([4, 3], (0..<12).map(Double.init))
    func failure(_ data: [Tensor], _ rows: [Int64], batch: Int = 2) -> String {
      do {
        try program.check(data, rows: rows, rows.count, batch: batch)
        return ""
      } catch { return "\(error)" }
    }
    XCTAssertEqual(failure([data], [0, 3]), "")
    XCTAssertTrue(failure([], [0, 3]).contains("takes 1 arrays, got 0"))
    XCTAssertTrue(failure([data], [0, 4]).contains("row 4 is outside the data, which has 4 rows"))
    XCTAssertTrue(failure([data], [-1, 0]).contains("row -1"))
    XCTAssertTrue(failure([data], [0, 1, 2], batch: 3).contains("(2, 3)"))
    XCTAssertTrue(failure([Tensor([4, 2], (0..<8).map(Double.init))], [0, 1]).contains("(4, 2)"))
    XCTAssertTrue(failure([try! Tensor(zeros: [4, 3], dtype: .float32)], [0, 1]).contains("float32"))
    XCTAssertTrue(failure([try! Tensor(zeros: [], dtype: .float64)], [0, 1]).contains("shape ()"))
    program.load([data], rows: [3, 1])
    XCTAssertEqual(x.values, [9, 10, 11, 3, 4, 5])
  }
}
