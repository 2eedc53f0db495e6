import TestSupport
import XCTest

@testable import Adaptation

final class LossReferenceTests: XCTestCase {
  private func reference(_ losses: [Double]) -> LossReference {
    losses.reduce(into: LossReference()) { $0.add($1) }
  }

  func testLimitsWorkedOutByHand() {
    XCTAssertEqual(reference([]).limit(10), .infinity)
    XCTAssertEqual(reference([0, 0]).limit(10), .infinity)
    XCTAssertEqual(reference([3]).limit(10), 30)
    // the median of 1, 2, 4, 100 is 3
    XCTAssertEqual(reference([100, 1, 2, 4]).limit(10), 30)
    XCTAssertEqual(reference([-2]).limit(10), 16)
    // median 0.5, deviations 1.5, 0.5, 0.5, 3.5: their median, 1, is more than 0.5
    XCTAssertEqual(reference([-1, 0, 1, 4]).limit(3), 2.5)
  }

  /// One loss of a thousand among ones moves nothing, and what is older than 25 losses is forgotten.
  func testAMedianOfTheLastLosses() {
    let ones = [Double](repeating: 1, count: 12)
    XCTAssertEqual(reference(ones + [1000] + ones).limit(10), 10)
    let twos = [Double](repeating: 2, count: 13)
    XCTAssertEqual(reference([Double](repeating: 1, count: 25) + twos).limit(10), 20)
  }

  /// Training began at 5, so nothing below 9 times a hundredth of that explodes, however low the losses are.
  func testLossesNearZero() {
    var watch = reference([Double](repeating: 5, count: 25))
    for _ in 0..<100 { watch.add(1e-9) }
    XCTAssertEqual(watch.limit(10), 9 * 0.05, accuracy: 1e-7)
    watch.restart(at: 7)
    XCTAssertEqual(watch.limit(10), 70)
  }
}

final class GuardPolicyTests: XCTestCase {
  /// A hundredth off the logarithm every good step, and 1 in the end.
  func testTheScaleRecovers() throws {
    var watch = try GuardPolicy(.rollBack, explode: 10)
    for _ in 0..<3 { watch.fail() }
    XCTAssertEqual([watch.scale, Double(watch.inARow), Double(watch.rollbacks)], [0.125, 3, 3])
    for _ in 0..<100 { watch.succeed() }
    // 0.99^100 = 0.36603..., and 0.125^0.36603 = 0.4671...
    XCTAssertEqual(watch.scale, 0.467132, accuracy: 1e-6)
    for _ in 0..<700 { watch.succeed() }
    XCTAssertEqual([watch.scale, Double(watch.inARow), Double(watch.rollbacks)], [1, 0, 3])
  }

  func testNumbersMakeTheSameGuard() throws {
    var watch = try GuardPolicy(.detect, explode: 4)
    watch.fail()
    watch.moved = true
    for i in 0..<30 { watch.reference.add(Double(i)) }
    let copy = try GuardPolicy(numbers: watch.numbers)
    XCTAssertEqual(copy.numbers, watch.numbers)
    XCTAssertEqual(copy.mode, .detect)
    XCTAssertEqual(copy.reference.limit(4), watch.reference.limit(4))
  }

  /// Copies are renewed at every tenth step of the run; a bad loss is a step's fault only where one was taken since.
  func testJudgesLossesInTheirOrder() throws {
    var watch = try GuardPolicy(.rollBack, explode: 10)
    watch.every = 10
    func judge(_ loss: Double, _ step: Int, copied: Int?, skipped: Int = 0) -> GuardPolicy.Judgement {
      watch.judge(loss: loss, finite: loss.isFinite, step: step, copied: copied, skipped: skipped)
    }
    XCTAssertEqual(judge(1, 3, copied: nil), .keep)
    watch.moved = true
    XCTAssertEqual(judge(1, 4, copied: 3), .go)
    XCTAssertEqual(judge(1, 10, copied: 3), .keep)
    // nothing has moved since
    XCTAssertEqual(judge(100, 11, copied: 10), .keep)
    XCTAssertEqual(watch.limit, 1000)
    watch.moved = true
    XCTAssertEqual(judge(2000, 12, copied: 11), .undo)
    watch.fail()
    XCTAssertEqual(watch.scale, 0.5)
    XCTAssertFalse(watch.moved)
    XCTAssertEqual(judge(.nan, 11, copied: 11), .skip)
    watch.moved = true
    XCTAssertEqual(judge(.nan, 12, copied: 11), .skip)
    XCTAssertEqual(judge(.nan, 12, copied: 11, skipped: 1), .undo)
    XCTAssertEqual(judge(.nan, 12, copied: nil, skipped: 1), .skip)
  }

  func testRefusesWhatItCannotBe() {
    for explode in [1, 0.5, -.infinity, .nan] {
      expectFailure(.value, ["explode must be above 1"]) { try GuardPolicy(.detect, explode: explode) }
    }
    let good = [1, 10, 0.5, 1, 1, 0, .nan, 2.0]
    XCTAssertNoThrow(try GuardPolicy(numbers: good))
    for (place, value) in [
      (0, 3.0), (1, 1.0), (2, 0.0), (2, 1.5), (3, 0.5), (4, -1.0), (5, .nan), (7, .infinity),
    ] {
      var numbers = good
      numbers[place] = value
      XCTAssertThrowsError(try GuardPolicy(numbers: numbers), "\(place)")
    }
    XCTAssertThrowsError(try GuardPolicy(numbers: Array(good.prefix(6))))
    XCTAssertThrowsError(try GuardPolicy(numbers: good + [Double](repeating: 0, count: 25)))
  }
}
