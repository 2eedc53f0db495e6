import Foundation
import TestSupport
import XCTest

@testable import Autodiff

final class ContextTests: XCTestCase {
  override func tearDown() {
    Context.gradientsEnabled = true
    (Context.seed, Context.stream) = (0, 0)
  }

  func testWithoutGradientsNothingIsLinked() throws {
    let x = Tensor([2], [1, 2], requiresGrad: true)
    Context.gradientsEnabled = false
    let y = try apply("square", [x])
    Context.gradientsEnabled = true
    XCTAssertFalse(y.requiresGrad)
    XCTAssertTrue(y.isLeaf)
    XCTAssertEqual(y.values, [1, 4])
    XCTAssertTrue(try apply("square", [x]).requiresGrad)
  }

  func testModesBelongToTheThread() {
    Context.gradientsEnabled = false
    (Context.seed, Context.stream) = (5, 6)
    let done = expectation(description: "thread")
    Thread {
      XCTAssertTrue(Context.gradientsEnabled)
      XCTAssertEqual(Context.stream, 0)
      XCTAssertFalse(Context.isRecording)
      Context.seed = 99
      done.fulfill()
    }.start()
    wait(for: [done], timeout: 10)
    XCTAssertFalse(Context.gradientsEnabled)
    XCTAssertEqual(Context.seed, 5)
    XCTAssertEqual(Context.stream, 6)
  }

  /// Seed and stream say all there is to say about random numbers; each random operation takes one stream.
  func testRandomStateRepeats() throws {
    let x = Tensor([200], [Double](repeating: 1, count: 200))
    func draw() throws -> [Double] { try apply("dropout", [x], ["p": .numbers([0.5])]).values }
    (Context.seed, Context.stream) = (3, 10)
    let (first, second) = (try draw(), try draw())
    XCTAssertEqual(Context.stream, 12)
    XCTAssertNotEqual(first, second)
    Context.stream = 10
    XCTAssertEqual(try draw(), first)
    XCTAssertEqual(try draw(), second)
    (Context.seed, Context.stream) = (4, 10)
    XCTAssertNotEqual(try draw(), first)
  }
}
