import Vocabulary

/// The last word on a learned schedule: its best candidates, validated on networks that had no say in their choice, the
/// same networks for all.
///
/// A candidate's score is the mean over networks of (validation loss + penalty) plus the standard error of that mean, and
/// infinite where a run diverged: a schedule that ruins one network of many is not taken for the sake of the others.
public enum Finalists {
  /// How far back to its untrained loss a network is counted that lost all it had won, and came back by luck.
  private static let setback = 0.2

  /// What is added to the validation loss of a network whose training loss peaked: what it would lose, were it not for luck.
  public static func penalty(trainLosses: [Double], validLoss: Double) -> Double {
    guard validLoss.isFinite, peaked(trainLosses) else { return 0 }
    return setback * max(0, trainLosses[0] - validLoss)
  }

  /// Whether training losses, after half of their decline, rose again by all of it.
  static func peaked(_ losses: [Double]) -> Bool {
    guard let first = losses.first, let lowest = losses.min() else { return false }
    let decline = first - lowest
    guard decline > 0 else { return false }
    var low = first
    return losses.contains { loss in
      low = min(low, loss)
      return first - low >= decline / 2 && loss - low > decline
    }
  }

  /// A score for each candidate. losses, penalties: [candidates, networks], row by row.
  public static func scores(losses: [Double], penalties: [Double], networks: Int) throws -> [Double] {
    guard networks > 1, losses.count % networks == 0, penalties.count == losses.count else {
      throw Failure.shape(
        "finalists: \(losses.count) losses and \(penalties.count) penalties for \(networks) networks; allowed: one of each "
          + "for every network of every candidate, and at least two networks")
    }
    return stride(from: 0, to: losses.count, by: networks).map { start in
      let row = start..<start + networks
      guard losses[row].allSatisfy(\.isFinite) else { return .infinity }
      let values = row.map { losses[$0] + penalties[$0] }
      let mean = values.reduce(0, +) / Double(networks)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(networks - 1)
      return mean + (variance / Double(networks)).squareRoot()
    }
  }

  /// The first candidate of the lowest score; nil where none is known to end well.
  public static func best(_ scores: [Double]) -> Int? {
    scores.indices.filter { scores[$0].isFinite }.min { scores[$0] < scores[$1] }
  }
}
