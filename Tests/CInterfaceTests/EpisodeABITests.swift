import CLRSwift
import XCTest

final class EpisodeABITests: XCTestCase {
  override func tearDown() { lrs_record_abort() }

  /// Two steps on (w - x)^2 / 2 from w = 0 at rate r: w = (1 - r) r x_1 + r x_2, validated at x = 0.
  func testTwoStepsAndTheirDerivative() {
    let w = makeTensor([1], [0], requiresGrad: true)
    let x = makeTensor([1])
    expectOK(lrs_record_begin([x], 1))
    let squares = applied("square", [applied("sub", [w, x])])
    let loss = applied("affine", [applied("sum", [squares])], ["scale": [0.5]])
    var program: OpaquePointer?
    expectOK(lrs_record_end(&program, [loss], 1))
    let (r, x1, x2) = (0.25, 2.0, 3.0)
    let data: [Handle?] = [makeTensor([3], [x1, x2, 0])]
    for mode in ["forward", "reverse"] {
      expectOK(lrs_tensor_assign(w, makeTensor([1], [0])))
      let episode = make(mode, w, [r])
      var done = 0
      var losses = [0.0, 0.0]
      expectOK(lrs_episode_run(&done, &losses, episode, program, data, 1, [0, 1], 2, 1, 60, 0))
      XCTAssertEqual(done, 2)
      XCTAssertEqual(losses[0], 0.5 * x1 * x1)
      expectOK(lrs_episode_run(&done, &losses, episode, program, data, 1, [2], 1, 1, 60, 1))
      var valid = 0.0
      expectOK(lrs_episode_collect(&valid, episode))
      var (phase, low, high) = (Int32(-1), -1, -1)
      expectOK(lrs_episode_stretch(&phase, &low, &high, episode))
      XCTAssertEqual([Int(phase), low, high], mode == "reverse" ? [2, 0, 2] : [0, 0, 0])
      if mode == "reverse" {
        expect(LRS_VALUE_ERROR, "there are not 2 steps to take again") {
          lrs_episode_run(&done, &losses, episode, program, data, 1, [0, 1], 2, 1, 60, 3)
        }
        expectOK(lrs_episode_run(&done, &losses, episode, program, data, 1, [1, 0], 2, 1, 60, 2))
      }
      let end = (1 - r) * r * x1 + r * x2
      XCTAssertEqual(valid, 0.5 * end * end, accuracy: 1e-15)
      var found = [0.0]
      expectOK(lrs_episode_hypergradients(&found, 1, episode))
      XCTAssertEqual(found[0], end * ((1 - 2 * r) * x1 + x2), accuracy: 1e-14)
      expect(LRS_VALUE_ERROR, "1 hypergradients", "room was given for 2") {
        lrs_episode_hypergradients(&found, 2, episode)
      }
      expect(LRS_VALUE_ERROR, "phase must be 0, 1, 2 or 3") {
        lrs_episode_run(&done, &losses, episode, program, data, 1, [0], 1, 1, 60, 4)
      }
      var number = -1.0
      expectOK(lrs_episode_get(&number, episode, "reverse"))
      XCTAssertEqual(number, mode == "reverse" ? 1 : 0)
      // w starts at 0, which no factor moves
      expectOK(lrs_episode_scales(&number, 1, episode))
      XCTAssertTrue(mode == "reverse" ? number == 0 : number.isNaN)
      expectOK(lrs_episode_get(&number, episode, "replays"))
      XCTAssertEqual(number, 0)
      expect(LRS_VALUE_ERROR, "an episode has no 'price'") {
        lrs_episode_get(&number, episode, "price")
      }
      lrs_episode_destroy(episode)
    }
    lrs_episode_destroy(nil)
  }

  func testWhereTheNextSnapshotIs() {
    var found = 0
    expectOK(lrs_replay_distance(&found, 100, 50))
    XCTAssertEqual(found, 1)
    expectOK(lrs_replay_distance(&found, 1, 50))
    XCTAssertEqual(found, 49)
    expect(LRS_VALUE_ERROR, "got 0 and 50") { lrs_replay_distance(&found, 0, 50) }
    expect(LRS_VALUE_ERROR, "got 3 and \(Int.max)") { lrs_replay_distance(&found, 3, .max) }
  }

  private func make(_ mode: String, _ w: Handle, _ rates: [Double]) -> OpaquePointer? {
    var episode: OpaquePointer?
    let status = withAttributes(
      ["steps": [2], "learning_rates": rates], texts: ["mode": mode, "optimizer": "sgd"]
    ) { lrs_episode_create(&episode, [w], 1, $0, $1) }
    expectOK(status)
    return episode
  }
}
