//! The routes against authorization servers in memory.

#[cfg(test)]
mod building;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod finishing;
#[cfg(test)]
mod mix_up;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod stepping_up;
#[cfg(test)]
mod strays;
#[cfg(test)]
mod support;
