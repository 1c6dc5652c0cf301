//! The reports of races in a file, each as soon as it is there: a run that is cut off has not been for nothing.

use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{Read, Write};
use std::path::Path;
use std::time::SystemTime;

use grantry_races::{Fallible, Report, Scenario};

/// A line of JSON for each report.
#[derive(Debug, Default)]
pub(crate) struct Results {
    file: Option<File>,
    reports: Vec<Report>,
}

impl Results {
    /// In a new file; what was in it is gone.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn begin(path: &Path) -> Fallible<Self> {
        path.parent().map_or(Ok(()), create_dir_all)?;
        Ok(Self { file: Some(File::create(path)?), reports: Vec::new() })
    }

    /// With what an earlier run has left there. A line that it did not finish is no report.
    ///
    /// # Errors
    /// There is no such file, it has something else in it, or one of these programs is newer: then it is not theirs.
    pub(crate) fn resume(path: &Path, programs: &[&Path]) -> Fallible<Self> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let written = file.metadata()?.modified()?;
        if programs
            .iter()
            .map(|program| changed(program))
            .collect::<Fallible<Vec<_>>>()?
            .iter()
            .any(|at| *at > written)
        {
            return Err("the results are of older programs: run without `--resume`".into());
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(u64::try_from(whole)?)?;
        let reports = text.split_at(whole).0.lines().map(serde_json::from_str);
        Ok(Self { reports: reports.collect::<Result<_, _>>()?, file: Some(file) })
    }

    /// The report of this race, if it has been run.
    pub(crate) fn find(&self, contestant: &str, scenario: &Scenario, seed: u64) -> Option<&Report> {
        let scenario = scenario.to_string();
        self.reports.iter().find(|report| {
            report.contestant == contestant && report.scenario == scenario && report.seed == seed
        })
    }

    /// One more.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep(&mut self, report: &Report) -> Fallible<()> {
        if let Some(file) = &mut self.file {
            file.write_all((serde_json::to_string(report)? + "\n").as_bytes())?;
        }
        self.reports.push(report.clone());
        Ok(())
    }
}

fn changed(program: &Path) -> Fallible<SystemTime> {
    Ok(program.metadata()?.modified()?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(contestant: &str, scenario: &Scenario) -> Report {
        let mut report = Report::default();
        (report.contestant, report.scenario) = (contestant.to_owned(), scenario.to_string());
        (report.seed, report.requests_per_expiry) = (7, 1.0 / 3.0);
        report.keeping = Some(grantry_races::Keeping::default());
        report
    }

    #[test]
    fn a_run_that_was_cut_off_in_a_line_goes_on_after_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, strict) = (folder.path().join("new/results"), "strict".parse().unwrap());
        let mut results = Results::begin(&path).unwrap();
        results.keep(&report("a", &strict)).unwrap();
        results.file.as_mut().unwrap().write_all(b"{\"contestant\":\"b").unwrap();
        let mut resumed = Results::resume(&path, &[]).unwrap();
        resumed.keep(&report("c", &strict)).unwrap();
        let resumed = Results::resume(&path, &[]).unwrap();
        assert_eq!(resumed.reports, [report("a", &strict), report("c", &strict)]);
        assert!(Results::begin(&path).unwrap().reports.is_empty());
        assert_eq!(std::fs::read(&path).unwrap(), b"", "a new run begins with nothing");
    }

    #[test]
    fn a_race_is_known_by_who_ran_it_in_what_and_by_its_seed() {
        let strict: Scenario = "strict".parse().unwrap();
        let mut results = Results::default();
        results.keep(&report("a", &strict)).unwrap();
        assert!(results.find("a", &strict, 7).is_some());
        assert!(results.find("b", &strict, 7).is_none() && results.find("a", &strict, 8).is_none());
        assert!(results.find("a", &"strict 6 s".parse().unwrap(), 7).is_none());
    }

    #[test]
    fn results_of_other_programs_are_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let (path, program) = (folder.path().join("results"), folder.path().join("program"));
        Results::begin(&path).unwrap();
        let program_file = File::create(&program).unwrap();
        let written = changed(&path).unwrap();
        program_file.set_modified(written - Duration::from_secs(9)).unwrap();
        assert!(Results::resume(&path, &[&program]).is_ok());
        program_file.set_modified(written + Duration::from_secs(9)).unwrap();
        assert!(Results::resume(&path, &[&program]).is_err());
        std::fs::write(&path, "something else\n").unwrap();
        assert!(Results::resume(&path, &[]).is_err());
        assert!(Results::resume(&folder.path().join("none"), &[]).is_err());
    }
}
